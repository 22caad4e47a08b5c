"""What several tests do to a database behind the service's back."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from safetensors.numpy import save
from sqlalchemy import update

from jobs.db.engine import SessionFactory
from jobs.db.models.jobs import Job
from jobs.queue import lifecycle

_PAST = datetime(2020, 1, 1, tzinfo=UTC)


def expire_lease(sessions: SessionFactory, job_id: str) -> None:
    """Let a job's lease have run out long ago."""
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(lease_expires_at=_PAST))


def take_back(sessions: SessionFactory, job_id: str) -> None:
    """Take a running job back from its worker, as when the lease has run out.

    In one transaction: a heartbeat between the two steps would prolong the lease.
    """
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(lease_expires_at=_PAST))
        assert job_id in {reaped for reaped, _ in lifecycle.reap(session)}


def network_file(architecture: object = "johnson", **metadata: object) -> bytes:
    """A file with the header of a network and one small tensor."""
    said = {"format": "atelier-network/1", "architecture": architecture, "settings": {}, **metadata}
    header = {name: json.dumps(value) for name, value in said.items()}
    return save({"weight": np.zeros((2, 3), dtype=np.float32)}, metadata=header)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """An archive of files by their names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()
