"""Command-line options for the fields of configuration classes; does not import PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def config_options(**kinds: type) -> Callable[[F], F]:
    """Decorator that adds one option for each field of each class; an option not given is None.

    The help shows the default of each kind, and the text from `EXPLAINED` of the class's module.
    """
    names = dict.fromkeys(field.name for kind in kinds.values() for field in fields(kind))

    def add(command: F) -> F:
        for name in reversed(names):
            command = _option(name, kinds)(command)
        return command

    return add


def _option(name: str, kinds: dict[str, type]) -> Callable[[F], F]:
    with_field = {kind: each for kind, each in kinds.items() if hasattr(each, name)}
    first = next(iter(with_field.values()))
    default: Any = getattr(first, name)
    declared = next(str(field.type) for field in fields(first) if field.name == name)
    defaults = {kind: getattr(each, name) for kind, each in with_field.items()}
    help_text = sys.modules[first.__module__].EXPLAINED.get(name, "")
    shown = "; ".join(_default_text(kind, value, len(kinds)) for kind, value in defaults.items())
    text = f"{help_text} [{shown}]"
    flag = f"--{name.replace('_', '-')}"
    if declared == "bool":
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=text)
    options: dict[str, Any] = {"type": str}
    if declared == "bool | str":
        options = {"type": str, "metavar": "FILE"}
    elif declared == "tuple[str, ...]":
        options = {"callback": _names, "metavar": "NAME,NAME,…"}
    elif declared == "tuple[float, ...]":
        options = {"callback": _numbers, "metavar": "N,N,…"}
    elif isinstance(default, tuple):
        options = {"type": type(default[0]), "nargs": len(default)}
    elif "float" in declared:
        options = {"type": float}
    elif declared == "int":
        options = {"type": int}
    return click.option(flag, name, default=None, help=text, **options)


def _default_text(kind: str, value: Any, kinds: int) -> str:
    words = {None: "found", True: "yes", False: "no", (): "equal"}
    if value is None or isinstance(value, bool) or value == ():
        text = words[value]
    elif isinstance(value, tuple):
        text = " ".join(str(part) for part in value)
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{kind}: {text}" if kinds > 1 else f"default: {text}"


def _names(
    context: click.Context, option: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _numbers(
    context: click.Context, option: click.Parameter, value: str | None
) -> tuple[float, ...] | None:
    try:
        names = _names(context, option, value)
        return None if names is None else tuple(float(name) for name in names)
    except ValueError:
        raise click.BadParameter("numbers separated by commas, such as 1,0.5,2") from None
