"""The service behind the request at hand."""

from __future__ import annotations

from flask import current_app

from jobs.service import JobService


def service() -> JobService:
    """The use cases that this application serves."""
    found: JobService = current_app.extensions["atelier"]
    return found
