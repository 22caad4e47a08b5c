"""Webhooks: what is told, to whom, and how it is signed (https://www.standardwebhooks.com)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from jobs.db.models.owners import Owner
from jobs.errors import InvalidParamsError
from jobs.webhooks.public_http import is_public, literal_address

if TYPE_CHECKING:
    from jobs.settings import Settings

#: Statuses that can be told of. `completed` stands for the last three.
EVENTS = ("running", "succeeded", "failed", "canceled")
COMPLETED = EVENTS[1:]
#: Names that lead home without looking like it.
_HOME = ("localhost", "local", "internal", "localdomain")


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Who is told of a job, and of which events."""

    url: str
    events: tuple[str, ...]


def check_webhook(
    url: str | None, events: str | None, *, allow_private: bool, has_secret: bool
) -> Webhook | None:
    """The webhook that a request asks for. Raises `InvalidParamsError`.

    `events` are words of `EVENTS`, or `completed`, with commas between; left out, `completed`.
    """
    if url is None:
        if events is not None:
            raise InvalidParamsError([("webhook_events", "This needs a webhook_url.")])
        return None
    problem = _wrong_with(url, allow_private) or (
        None if has_secret else "Webhooks are off here: no WEBHOOK_SECRET is set to sign them with."
    )
    problems = [("webhook_url", problem)] if problem else []
    asked = ("completed" if events is None else events).replace(",", " ").split()
    unknown = sorted(set(asked) - {*EVENTS, "completed"})
    if unknown or not asked:
        known = ", ".join((*EVENTS, "completed"))
        problems.append(("webhook_events", f"Use {known}, with commas between."))
    if problems:
        raise InvalidParamsError(problems)
    wanted = {*asked, *(COMPLETED if "completed" in asked else ())}
    return Webhook(url=url, events=tuple(event for event in EVENTS if event in wanted))


def find_webhook(
    settings: Settings, session: Session, owner: str, url: str | None, events: str | None
) -> Webhook | None:
    """The webhook that an owner's request asks for. Raises `InvalidParamsError`."""
    has_secret = bool(settings.webhook_secret)
    if url is not None and not has_secret:
        row = session.get(Owner, owner)
        has_secret = row is not None and row.webhook_secret is not None
    allow_private = settings.webhook_allow_private
    return check_webhook(url, events, allow_private=allow_private, has_secret=has_secret)


def _wrong_with(url: str, allow_private: bool) -> str | None:
    if len(url) > 2000 or not url.isascii() or not url.isprintable() or " " in url:
        return "This is not an address: at most 2000 characters of plain ASCII."
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "This is not an address."
    if parts.scheme not in ({"https", "http"} if allow_private else {"https"}):
        return "The address must start with https://."
    if not host or parts.username is not None or parts.password is not None:
        return "The address needs a host, and no user name or password."
    if allow_private:
        return None
    literal = literal_address(host)
    home = host.rstrip(".").rpartition(".")[2] in _HOME
    if home or (literal is not None and not is_public(literal)):
        return "The address must be a public one."
    return None
