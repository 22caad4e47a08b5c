"""Earlier outputs: the same inputs, parameters and network make the same picture, once."""

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

# Put together once: every submit asks it.
_EARLIER = (
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
    """The SHA-256 of all that decides an output but the network's weights.

    `inputs` are `(role, SHA-256)`, in the order that counts for the kind.
    """
    return sha256_of(json.dumps([kind, params, inputs], sort_keys=True).encode())


def find_cached_result(
    session: Session, owner: str, kind: str, params: dict[str, Any], inputs: list[tuple[str, str]]
) -> Job | None:
    """The owner's newest job with the same inputs and parameters, by the network that renders now.

    Nobody is answered from another's jobs: that would tell that somebody else had the same picture.
    """
    trained = dict(inputs).get(NETWORK_ROLE)
    asked = {
        "owner": owner,
        "key": result_key(kind, params, inputs),
        "network": trained or str(params.get("network")),
    }
    return session.scalars(_EARLIER, asked).one_or_none()
