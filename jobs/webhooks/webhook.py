"""The webhook of a job: its URL and events, and their validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.db.engine import SessionFactory, reading
from jobs.db.models.owners import Owner
from jobs.errors import InvalidParamsError
from jobs.params.handling import Handling
from jobs.webhooks.public_http import url_problem

if TYPE_CHECKING:
    from jobs.settings import Settings

#: Events that a webhook can subscribe to. `completed` stands for the last three.
EVENTS = ("running", "succeeded", "failed", "canceled")
COMPLETED = EVENTS[1:]


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """The URL and events of a webhook."""

    url: str
    events: tuple[str, ...]


def check_webhook(
    url: str | None, events: str | None, *, allow_private: bool, has_secret: bool
) -> Webhook | None:
    """Validate the webhook of a request; None without a URL. Raises `InvalidParamsError`.

    `events` are names of `EVENTS`, or `completed`, separated by commas; by default `completed`.
    """
    if url is None:
        if events is not None:
            raise InvalidParamsError([("webhook_events", "webhook_events needs a webhook_url.")])
        return None
    problem = url_problem(url, allow_private) or (
        None if has_secret else "Webhooks are off here: no WEBHOOK_SECRET is set to sign them with."
    )
    problems = [("webhook_url", problem)] if problem else []
    names = ("completed" if events is None else events).replace(",", " ").split()
    unknown = sorted(set(names) - {*EVENTS, "completed"})
    if unknown or not names:
        known = ", ".join((*EVENTS, "completed"))
        problems.append(("webhook_events", f"Use {known}, separated by commas."))
    if problems:
        raise InvalidParamsError(problems)
    subscribed = {*names, *(COMPLETED if "completed" in names else ())}
    return Webhook(url=url, events=tuple(event for event in EVENTS if event in subscribed))


def find_webhook(
    settings: Settings, sessions: SessionFactory, owner: str, handling: Handling
) -> Webhook | None:
    """The webhook that an owner's request asks for. Raises `InvalidParamsError`."""
    url, events = handling.webhook_url, handling.webhook_events
    if url is None and events is None:
        return None
    has_secret = bool(settings.webhook_secret)
    if url is not None and not has_secret:
        with reading(sessions) as session:
            row = session.get(Owner, owner)
        has_secret = row is not None and row.webhook_secret is not None
    allow_private = settings.webhook_allow_private
    return check_webhook(url, events, allow_private=allow_private, has_secret=has_secret)
