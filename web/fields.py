"""Single fields of requests: numbers, choices, and what every submit takes beside its parameters."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from jobs.errors import InvalidParamsError
from jobs.submission import CANCEL_AFTER, PRIORITIES

_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def integer(name: str, text: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`. Raises `InvalidParamsError`."""
    try:
        value = int(text)
    except ValueError:
        raise InvalidParamsError([(name, f"{text[:40]!r} is not a whole number.")]) from None
    if not low <= value <= high:
        raise InvalidParamsError([(name, f"{name} goes from {low} to {high}.")])
    return value


def boolean(name: str, text: str) -> bool:
    """True or false. Raises `InvalidParamsError`."""
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise InvalidParamsError([(name, f"{text[:40]!r} is neither true nor false.")])
    return value


def one_of(name: str, value: str | None, allowed: list[Any]) -> str | None:
    """The value, or None if it was not given. Raises `InvalidParamsError`."""
    if value is not None and value not in allowed:
        raise InvalidParamsError([(name, f"Use one of {', '.join(map(str, allowed))}.")])
    return value


@dataclass(frozen=True, kw_only=True)
class Handling:
    """How jobs are to be handled, whatever their parameters."""

    priority: int
    cancel_after: int | None
    use_cache: bool
    webhook_url: str | None
    webhook_events: str | None


def take_handling(fields: MutableMapping[str, str], header: str | None) -> Handling:
    """Take what says how a job is handled out of the fields.

    `header` is `Cancel-After`, which says the same as the field. Raises `InvalidParamsError`.
    """
    said = fields.pop("cancel_after", None)
    if said is not None and header is not None and said != header:
        raise InvalidParamsError([("cancel_after", "The field and the header Cancel-After differ.")])
    text = said if said is not None else header
    return Handling(
        priority=integer("priority", fields.pop("priority", "0"), PRIORITIES[0], PRIORITIES[-1]),
        cancel_after=None if text is None else integer("cancel_after", text, *CANCEL_AFTER),
        use_cache=boolean("use_cache", fields.pop("use_cache", "true")),
        webhook_url=fields.pop("webhook_url", None),
        webhook_events=fields.pop("webhook_events", None),
    )
