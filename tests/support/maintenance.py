"""The maintenance loop of a service, for tests that call its steps."""

from __future__ import annotations

from jobs.operations.maintenance import Maintenance
from jobs.service import JobService


def maintenance_of(service: JobService) -> Maintenance:
    return Maintenance(service.settings, service.sessions, service.storage, service.broker)
