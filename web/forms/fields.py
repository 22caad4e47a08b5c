"""Single fields of requests: numbers, choices, and what every submit takes beside its parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from jobs.errors import InvalidParamsError
from jobs.submission.validation import CANCEL_AFTER, PRIORITIES

#: The most seconds that can be asked for: about thirty years.
LONGEST = 10**9
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def integer(name: str, given: object, low: int, high: int) -> int:
    """A whole number from `low` to `high`, out of text or JSON. Raises `InvalidParamsError`."""
    if isinstance(given, str) and _WHOLE.fullmatch(given):
        given = int(given)
    if isinstance(given, float) and given.is_integer():
        given = int(given)  # JSON knows no whole numbers: 3.0 is one
    if not isinstance(given, int) or isinstance(given, bool):
        raise InvalidParamsError([(name, f"{str(given)[:40]!r} is not a whole number.")])
    if not low <= given <= high:
        raise InvalidParamsError([(name, f"{name} goes from {low} to {high}.")])
    return given


def boolean(name: str, given: object) -> bool:
    """True or false, out of text or JSON. Raises `InvalidParamsError`."""
    value = given if isinstance(given, bool) else _BOOLEANS.get(str(given).lower())
    if value is None:
        raise InvalidParamsError([(name, f"{str(given)[:40]!r} is neither true nor false.")])
    return value


def expires_in(fields: Mapping[str, object]) -> int | None:
    """How many seconds to keep what is sent, where the request says so."""
    given = fields.get("expires_in")
    return None if given is None else integer("expires_in", given, 1, LONGEST)


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
    expires_in: int | None


def take_handling(fields: MutableMapping[str, Any], header: str | None) -> Handling:
    """Take what says how a job is handled out of the fields.

    `header` is `Cancel-After`, which says the same as the field. Raises `InvalidParamsError`.
    """
    said = fields.pop("cancel_after", None)
    if said is not None and header is not None and str(said) != header:
        raise InvalidParamsError([("cancel_after", "The field and the header Cancel-After differ.")])
    text = said if said is not None else header
    return Handling(
        priority=integer("priority", fields.pop("priority", "0"), PRIORITIES[0], PRIORITIES[-1]),
        cancel_after=None if text is None else integer("cancel_after", text, *CANCEL_AFTER),
        use_cache=boolean("use_cache", fields.pop("use_cache", "true")),
        webhook_url=_text("webhook_url", fields),
        webhook_events=_text("webhook_events", fields),
        expires_in=expires_in({"expires_in": fields.pop("expires_in", None)}),
    )


def _text(name: str, fields: MutableMapping[str, Any]) -> str | None:
    given = fields.pop(name, None)
    if given is not None and not isinstance(given, str):
        raise InvalidParamsError([(name, f"{str(given)[:40]!r} is not a text.")])
    return given
