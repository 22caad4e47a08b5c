"""The current request's caller, and the job service restricted to what this caller may see."""

from __future__ import annotations

from flask import current_app, g

from jobs.accounts.api_keys import Caller
from jobs.service import JobService


def service() -> JobService:
    """The job service of the current caller: jobs of other owners do not exist in it."""
    if "service" not in g:
        g.service = whole_service().for_owner(caller().owner)
    found: JobService = g.service
    return found


def caller() -> Caller:
    """The caller of the current request."""
    found: Caller = g.caller
    return found


def whole_service() -> JobService:
    """The job service without an owner, for what concerns no single caller: health, metrics, admin."""
    found: JobService = current_app.extensions["atelier"]
    return found
