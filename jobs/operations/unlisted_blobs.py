"""Deletion of unlisted blobs: files in the store that no row names.

A submit names its files just before its transaction. If that fails, or the process dies in between, the
files stay without a row.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select

from jobs.blobs.storage import BlobStorage
from jobs.db.engine import SessionFactory, now, reading
from jobs.db.models.blobs import Blob, BlobDeletion
from jobs.db.upserts import insert_for
from jobs.operations.retention import delete_bytes

#: Number of parts of a store that one call of `sweep_unlisted` looks at; `BlobStorage.names` has 256.
PARTS_PER_SWEEP = 8


class UnlistedSweep:
    """Looks at the whole store in turn, some parts in each call."""

    def __init__(self, sessions: SessionFactory, storage: BlobStorage) -> None:
        self._sessions = sessions
        self._storage = storage
        self._next_part = 0

    def run(self, *, orphan_seconds: float, parts: int = PARTS_PER_SWEEP) -> int:
        """Delete files that no row names and that are `orphan_seconds` old; returns their number."""
        deleted = 0
        for _ in range(parts):
            names = set(self._storage.names(self._next_part, age_seconds=orphan_seconds))
            self._next_part = (self._next_part + 1) % 256
            with reading(self._sessions) as session:
                first, last = min(names, default=""), max(names, default="")
                listed = select(Blob.sha256).where(Blob.sha256.between(first, last))
                names -= set(session.scalars(listed).all()) if names else set()
            deleted += delete_unlisted(self._sessions, self._storage, names)
        return deleted


def delete_unlisted(sessions: SessionFactory, storage: BlobStorage, names: Collection[str]) -> int:
    """Delete those of the named blobs that have no row; returns their number.

    Safe beside submits of the same bytes: see `jobs.blobs.rows`.
    """
    return sum(
        _begin(sessions, name) and delete_bytes(sessions, storage, name) for name in sorted(names)
    )


def _begin(sessions: SessionFactory, sha256: str) -> bool:
    with sessions.begin() as session:
        at = now(session)
        # The row makes a submit of the same bytes wait for this transaction, after which it sees the
        # deletion. If the submit was first, there is a row already.
        values = {"sha256": sha256, "size": 0, "media_type": "", "created_at": at, "touched_at": at}
        insertion = insert_for(session)(Blob).values(**values).on_conflict_do_nothing()
        if session.scalar(insertion.returning(Blob.sha256)) is None:
            return False
        session.execute(delete(Blob).where(Blob.sha256 == sha256))
        session.add(BlobDeletion(sha256=sha256, started_at=at))
    return True
