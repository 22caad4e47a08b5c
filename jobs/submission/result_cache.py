"""Cache of results: the same inputs, parameters and network give the same output."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Engine, bindparam, select

from jobs.blobs.storage import sha256_of
from jobs.db.engine import table
from jobs.db.models.catalog import NetworkVersion
from jobs.db.models.jobs import Job
from jobs.params.inputs import NETWORK_ROLE
from jobs.queue.status import JobStatus

# Built once, because building a statement takes longer than executing it.
_JOBS, _VERSIONS = table(Job), table(NetworkVersion)
_CACHED = (
    select(_JOBS.c.id)
    .where(
        _JOBS.c.owner == bindparam("owner"),
        _JOBS.c.result_key == bindparam("key"),
        _JOBS.c.status == JobStatus.SUCCEEDED,
        _JOBS.c.network_version
        == select(_VERSIONS.c.version)
        .where(_VERSIONS.c.network == bindparam("network"))
        .scalar_subquery(),
    )
    .order_by(_JOBS.c.finished_at.desc())
    .limit(1)
)


def result_key(kind: str, params: dict[str, Any], inputs: list[tuple[str, str]]) -> str:
    """The cache key: SHA-256 of all that decides an output except the network's weights.

    `inputs` are `(role, SHA-256)`, in an order that matters to the kind.
    """
    return sha256_of(json.dumps([kind, params, inputs], sort_keys=True).encode())


def find_cached_result(
    reader: Engine, owner: str, kind: str, params: dict[str, Any], inputs: list[tuple[str, str]]
) -> str | None:
    """The id of the owner's newest succeeded job with the same inputs, parameters and network weights.

    Jobs of other owners are never used: that would reveal that another owner has the same picture.
    `reader` is made by `jobs.db.engine.make_reader`.
    """
    trained = dict(inputs).get(NETWORK_ROLE)
    values = {
        "owner": owner,
        "key": result_key(kind, params, inputs),
        "network": trained or str(params.get("network")),
    }
    with reader.connect() as connection:
        job_id: str | None = connection.execute(_CACHED, values).scalar_one_or_none()
    return job_id
