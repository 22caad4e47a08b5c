"""Command-line options from parameter models: names, types, ranges, defaults and help texts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import click
from pydantic import AliasChoices

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

F = TypeVar("F", bound=Callable[..., Any])


def model_options(
    models: Mapping[str, type[BaseModel]], *, exclude: Collection[str] = ()
) -> Callable[[F], F]:
    """Decorator that adds one option for each field of each model; an option not given is None.

    The keys of `models` label the defaults in the help texts. Other names by which a field may be given
    become other names of its option.
    """
    names = dict.fromkeys(
        name for model in models.values() for name in model.model_fields if name not in exclude
    )

    def add(command: F) -> F:
        for name in reversed(names):
            fields = {
                label: model.model_fields[name]
                for label, model in models.items()
                if name in model.model_fields
            }
            command = _option(name, fields, models)(command)
        return command

    return add


def _option(
    name: str, fields: dict[str, FieldInfo], models: Mapping[str, type[BaseModel]]
) -> Callable[[F], F]:
    first = next(iter(fields.values()))
    names = dict.fromkeys(each for field in fields.values() for each in _names(name, field))
    flags = [f"--{each.replace('_', '-')}" for each in names]
    help_ = _help(fields, for_all=len(fields) == len(models))
    # A parameter `format` would hide Python's function of that name.
    variable = f"{name}_" if name == "format" else name
    if isinstance(first.default, bool) and not _is_text(first):
        return click.option(f"{flags[0]}/--no-{flags[0][2:]}", variable, default=None, help=help_)
    required = len(fields) == len(models) and all(each.is_required() for each in fields.values())
    kind = _click_type(list(fields.values()))
    return click.option(*flags, variable, required=required, help=help_, **kind)


def _names(name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(each) for each in alias.choices] if isinstance(alias, AliasChoices) else [name]


def _help(fields: dict[str, FieldInfo], *, for_all: bool) -> str:
    texts = {label: field.description for label, field in fields.items() if field.description}
    text = next(iter(texts.values()), "")
    if len(set(texts.values())) > 1:
        text = " ".join(f"{label}: {each}" for label, each in texts.items())
    defaults = {
        label: "required" if field.is_required() else _shown(field.default)
        for label, field in fields.items()
    }
    if not for_all or len(set(defaults.values())) > 1:
        shown = "; ".join(f"{label}: {default}" for label, default in defaults.items())
    else:
        default = next(iter(defaults.values()))
        shown = "" if default in ("", "automatic", "required") else f"default: {default}"
    return f"{text.replace('`', '')}{f' [{shown}]' if shown else ''}".strip()


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple | list):
        return " ".join(map(str, default))
    return "automatic" if default is None else str(default)


def _is_text(field: FieldInfo) -> bool:
    return str in get_args(field.annotation)


def _click_type(fields: list[FieldInfo]) -> dict[str, Any]:
    """Type of an option, as keywords of `click.option`; choices are those of all `fields`."""
    kind, rules = _without_null(fields[0].annotation, list(fields[0].metadata))
    if get_origin(kind) is Literal:
        choices = [str(choice) for field in fields for choice in get_args(field.annotation)]
        return {"type": click.Choice(list(dict.fromkeys(choices)))}
    if get_origin(kind) is tuple and Ellipsis not in get_args(kind):
        return {"type": float, "nargs": len(get_args(kind))}
    low, high = _bound(rules, "ge", max), _bound(rules, "le", min)
    if kind is int:
        return {"type": click.IntRange(low, high)}
    if kind is float:
        return {"type": click.FloatRange(low, high)}
    if get_origin(kind) in (list, tuple):
        return {"type": str, "metavar": "ITEM,ITEM,…"}
    return {"type": str}


def _without_null(kind: Any, rules: list[Any]) -> tuple[Any, list[Any]]:
    """Type and rules of an annotation `X | None` or `Annotated[X, …]`."""
    if get_origin(kind) in (Union, UnionType):
        choices = [each for each in get_args(kind) if each is not type(None)]
        return _without_null(choices[0], rules) if len(choices) == 1 else (str, rules)
    if get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        for each in more:
            rules = [*rules, *getattr(each, "metadata", [each])]
        return _without_null(kind, rules)
    return kind, rules


def _bound(rules: list[Any], name: str, narrowest: Callable[[list[float]], float]) -> Any:
    bounds = [getattr(rule, name) for rule in rules if hasattr(rule, name)]
    return narrowest(bounds) if bounds else None
