"""Base of the catalogues: rows of one owner whose bytes count against the owner's storage quota."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy.orm import Session

from jobs.accounts.quotas import check_storage_quota
from jobs.blobs.rows import store_blob
from jobs.blobs.storage import BlobStorage, sha256_of
from jobs.blobs.usage import discard_usage
from jobs.db.engine import SessionFactory, reading
from jobs.db.upserts import ensure_owner
from jobs.media.pictures import CleanPicture
from jobs.settings import Settings


class OwnedCatalog:
    """What the catalogues of styles, uploads, networks and datasets have in common."""

    def __init__(
        self, sessions: SessionFactory, storage: BlobStorage, owner: str, settings: Settings
    ) -> None:
        self._sessions = sessions
        self._storage = storage
        self._owner = owner
        self._settings = settings

    def _store(self, files: Sequence[CleanPicture]) -> dict[str, int]:
        """Store files; returns the size of each by its SHA-256, in order.

        Nothing is stored if the owner's quota has no room: raises `OverLimitError`.
        """
        unique = {sha256_of(file.data): file for file in files}
        sizes = {sha256: len(file.data) for sha256, file in unique.items()}
        with reading(self._sessions) as session:
            check_storage_quota(session, self._owner, self._settings.max_mb_per_owner, sizes)
        for file in unique.values():
            store_blob(self._sessions, self._storage, file.data, file.info)
        return sizes

    @contextmanager
    def _adding(self, sizes: Mapping[str, int]) -> Iterator[Session]:
        """A transaction that adds a row for stored files, within the quota.

        Raises `OverLimitError` if other requests have used the quota up meanwhile.
        """
        with self._sessions.begin() as session:
            ensure_owner(session, self._owner)
            max_mb = self._settings.max_mb_per_owner
            check_storage_quota(session, self._owner, max_mb, sizes, lock=True)
            yield session

    @contextmanager
    def _deleting(self) -> Iterator[Session]:
        """A transaction that deletes a row; the owner's usage is counted again after it."""
        with self._sessions.begin() as session:
            yield session
        with self._sessions.begin() as session:
            discard_usage(session, self._owner)
