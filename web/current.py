"""The service behind the request at hand, as its caller may see it."""

from __future__ import annotations

from flask import current_app, g

from jobs.accounts.api_keys import Caller
from jobs.service import JobService


def service() -> JobService:
    """The use cases of the caller: what belongs to others is not there."""
    if "service" not in g:
        g.service = whole_service().for_owner(caller().owner)
    found: JobService = g.service
    return found


def caller() -> Caller:
    """Whoever makes the request at hand."""
    found: Caller = g.caller
    return found


def whole_service() -> JobService:
    """The service that no owner was named to yet; for what is not about anybody's jobs."""
    found: JobService = current_app.extensions["atelier"]
    return found
