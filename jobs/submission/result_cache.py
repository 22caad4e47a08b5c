"""Cache of results: the same inputs, parameters and network give the same output."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from jobs.blobs.storage import sha256_of
from jobs.db.models.catalog import NetworkVersion
from jobs.db.models.jobs import Job
from jobs.params.inputs import NETWORK_ROLE
from jobs.queue.status import JobStatus

# Built once, because building a statement takes longer than executing it.
_CACHED = (
    select(Job)
    .where(
        Job.owner == bindparam("owner"),
        Job.result_key == bindparam("key"),
        Job.status == JobStatus.SUCCEEDED,
        Job.network_version
        == select(NetworkVersion.version)
        .where(NetworkVersion.network == bindparam("network"))
        .scalar_subquery(),
    )
    .order_by(Job.finished_at.desc())
    .limit(1)
)


def result_key(kind: str, params: dict[str, Any], inputs: list[tuple[str, str]]) -> str:
    """The cache key: SHA-256 of all that decides an output except the network's weights.

    `inputs` are `(role, SHA-256)`, in an order that matters to the kind.
    """
    return sha256_of(json.dumps([kind, params, inputs], sort_keys=True).encode())


def find_cached_result(
    session: Session, owner: str, kind: str, params: dict[str, Any], inputs: list[tuple[str, str]]
) -> Job | None:
    """The owner's newest succeeded job with the same inputs, parameters and network weights.

    Jobs of other owners are never used: that would reveal that another owner has the same picture.
    """
    trained = dict(inputs).get(NETWORK_ROLE)
    values = {
        "owner": owner,
        "key": result_key(kind, params, inputs),
        "network": trained or str(params.get("network")),
    }
    return session.scalars(_CACHED, values).one_or_none()
