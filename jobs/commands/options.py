"""Options that several commands share; options of jobs are derived from the API's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import click

from atelier.exit_codes import API_KEY_META

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic.fields import FieldInfo

#: Parameters with hand-written options, because files belong to them.
HAND_WRITTEN = frozenset({"styles", "regions"})

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def url_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--url` and `--key`; the key reaches `open_client` through click's context."""
    url = click.option(
        "--url",
        default="http://127.0.0.1:8000",
        envvar="ATELIER_URL",
        show_default=True,
        help="Address of the service (ATELIER_URL).",
    )
    key = click.option(
        "--key",
        envvar="ATELIER_KEY",
        expose_value=False,
        callback=lambda context, _, value: context.meta.__setitem__(API_KEY_META, value),
        help="An API key. Prefer ATELIER_KEY: other users of this machine can read command lines.",
    )
    return url(key(command))


def stylize_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """One option for each parameter of a `stylize` job: its name, its range, its default."""
    from jobs.params.stylize import StylizeParams

    return _options(command, StylizeParams.model_fields)


def video_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """One option for each parameter of a `video` job."""
    from jobs.params.video import VideoParams

    return _options(command, VideoParams.model_fields)


def train_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """One option for each parameter of a `train` job."""
    from jobs.params.train import TrainParams

    return _options(command, TrainParams.model_fields)


def export_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """One option for each parameter of an `export` job but the network."""
    from jobs.params.export import ExportParams

    fields = ExportParams.model_fields
    return _options(command, {name: field for name, field in fields.items() if name != "network"})


def _options(command: Callable[..., Any], fields: dict[str, FieldInfo]) -> Callable[..., Any]:
    for name, field in reversed(fields.items()):
        if name not in HAND_WRITTEN:
            command = _option(name, field)(command)
    return command


def _option(name: str, field: FieldInfo) -> Callable[..., Any]:
    description = (field.description or "").replace("`", "")
    summary = description.split(": ")[0].split(";")[0].split(". ")[0].rstrip(".")
    help_ = f"{summary}." if summary else f"See {name} in the API."
    flag = f"--{name.replace('_', '-')}"
    if field.default is False:
        return click.option(flag, name, is_flag=True, default=None, help=help_)
    if field.default is True:
        return click.option(
            f"{flag}/--no-{flag[2:]}", name, default=None, help=f"{help_} [default: yes]"
        )
    if not field.is_required() and field.default not in (None, "", []):
        help_ += f" [default: {field.default}]"
    # `format` is a builtin of Python.
    variable = f"{name}_" if name == "format" else name
    return click.option(flag, variable, type=_type(field), required=field.is_required(), help=help_)


def _type(field: FieldInfo) -> click.ParamType[Any]:
    inner, rules = field.annotation, field.metadata
    choices = [option for option in get_args(inner) if option is not type(None)]
    if get_origin(inner) is Literal:
        return click.Choice([str(choice) for choice in choices])
    kind = choices[0] if choices and inner not in (int, float, str) else inner
    if get_origin(kind) is Annotated:
        # An optional number carries its bounds in its own annotation.
        kind, *annotations = get_args(kind)
        rules = [rule for each in annotations for rule in getattr(each, "metadata", [each])]
    low, high = (
        next((getattr(rule, name) for rule in rules if hasattr(rule, name)), None)
        for name in ("ge", "le")
    )
    if kind is int:
        return click.IntRange(low, high)
    if kind is float and get_origin(inner) is not list:
        return click.FloatRange(low, high)
    return click.STRING
