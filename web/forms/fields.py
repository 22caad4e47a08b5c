"""Fields of requests: numbers, booleans, choices, and the handling options of every job."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from jobs.errors import InvalidParamsError
from jobs.submission.validation import CANCEL_AFTER, PRIORITIES

#: Largest duration that is accepted, in seconds: about thirty years.
LONGEST = 10**9
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def integer(name: str, given: object, low: int, high: int) -> int:
    """Parse a whole number from `low` to `high`, from text or JSON. Raises `InvalidParamsError`."""
    if isinstance(given, str) and _WHOLE.fullmatch(given):
        given = int(given)
    if isinstance(given, float) and given.is_integer():
        given = int(given)  # JSON has one type of number: 3.0 is a whole one
    if not isinstance(given, int) or isinstance(given, bool):
        raise InvalidParamsError([(name, f"{str(given)[:40]!r} is not a whole number.")])
    if not low <= given <= high:
        raise InvalidParamsError([(name, f"{name} goes from {low} to {high}.")])
    return given


def boolean(name: str, given: object) -> bool:
    """Parse a boolean, from text or JSON. Raises `InvalidParamsError`."""
    value = given if isinstance(given, bool) else _BOOLEANS.get(str(given).lower())
    if value is None:
        raise InvalidParamsError([(name, f"{str(given)[:40]!r} is neither true nor false.")])
    return value


def expires_in(fields: Mapping[str, object]) -> int | None:
    """The field `expires_in`, seconds to keep the data of a request; None where it is missing."""
    given = fields.get("expires_in")
    return None if given is None else integer("expires_in", given, 1, LONGEST)


def one_of(name: str, value: str | None, allowed: list[Any]) -> str | None:
    """Check a choice; None stays None. Raises `InvalidParamsError`."""
    if value is not None and value not in allowed:
        raise InvalidParamsError([(name, f"Use one of {', '.join(map(str, allowed))}.")])
    return value


@dataclass(frozen=True, kw_only=True)
class Handling:
    """Handling options of a job of any kind: priority, deadline, cache, webhook, expiry."""

    priority: int
    cancel_after: int | None
    use_cache: bool
    webhook_url: str | None
    webhook_events: str | None
    expires_in: int | None


def take_handling(fields: MutableMapping[str, Any], header: str | None) -> Handling:
    """Remove the handling options from the fields and parse them.

    `header` is `Cancel-After`, which means the same as the field. Raises `InvalidParamsError`.
    """
    field = fields.pop("cancel_after", None)
    if field is not None and header is not None and str(field) != header:
        raise InvalidParamsError([("cancel_after", "The field and the header Cancel-After differ.")])
    text = field if field is not None else header
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
