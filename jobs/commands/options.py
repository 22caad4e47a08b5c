"""Options that several commands share; options of jobs are derived from the API's parameters."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import click

from atelier.exit_codes import API_KEY_META

F = TypeVar("F", bound=Callable[..., Any])

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


def params_options(kind: str, *, exclude: Collection[str] = ()) -> Callable[[F], F]:
    """One option for each parameter of a kind of job, except those with hand-written options."""
    from jobs.params.kinds import KINDS
    from params.options import model_options

    return model_options(KINDS[kind].variants, exclude={*HAND_WRITTEN, *exclude})
