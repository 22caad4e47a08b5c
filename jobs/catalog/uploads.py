"""Catalog of uploads: pictures that are stored before the jobs that name them."""

from __future__ import annotations

from sqlalchemy import delete, select

from jobs.accounts.expiry import MIN_EXPIRY_SECONDS, expiry
from jobs.blobs.rows import touch_blob
from jobs.catalog.owned import OwnedCatalog
from jobs.db.engine import new_id, now, reading
from jobs.db.models.blobs import StoredUpload
from jobs.errors import InvalidParamsError, NotFoundError
from jobs.media.pictures import StoredPicture, Upload
from jobs.media.sandbox import check_picture


class UploadCatalog(OwnedCatalog):
    """The uploads of one owner."""

    def add(self, upload: Upload, *, expires_in: int | None = None) -> StoredUpload:
        """Store a picture for `expires_in` seconds, or for the default time.

        Raises `InvalidParamsError`, `OverLimitError` or what `check_picture` raises.
        """
        if expires_in is not None and expires_in < MIN_EXPIRY_SECONDS:
            raise InvalidParamsError(
                [("expires_in", f"expires_in is at least {MIN_EXPIRY_SECONDS} seconds.")]
            )
        picture = check_picture(
            upload.data, self._settings.decode_limits, name=upload.name, pointer=upload.field
        )
        sizes = self._store([picture])
        with self._adding(sizes) as session:
            at = now(session)
            row = StoredUpload(
                id=new_id(),
                owner=self._owner,
                sha256=next(iter(sizes)),
                created_at=at,
                expires_at=expiry(at, self._settings.upload_seconds, expires_in),
            )
            session.add(row)
        return self.get(row.id)

    def get(self, upload_id: str) -> StoredUpload:
        """An upload that has not expired. Raises `NotFoundError`."""
        with reading(self._sessions) as session:
            row = session.scalars(
                select(StoredUpload).where(
                    StoredUpload.id == upload_id, StoredUpload.owner == self._owner
                )
            ).one_or_none()
            expired = row is None or (row.expires_at is not None and row.expires_at <= now(session))
        if row is None or expired:
            raise NotFoundError(f"There is no upload {upload_id[:64]}.")
        return row

    def image(self, upload_id: str) -> tuple[StoredUpload, bytes]:
        """An upload and its bytes. Raises `NotFoundError`."""
        row = self.get(upload_id)
        return row, self._storage.get(row.sha256)

    def resolve(self, upload_id: str, *, field: str) -> StoredPicture:
        """The upload's picture for a job. Raises `InvalidParamsError` if there is none."""
        try:
            row = self.get(upload_id)
        except NotFoundError as error:
            raise InvalidParamsError([(field, f"{error.detail} It may have expired.")]) from None
        with self._sessions.begin() as session:
            touch_blob(session, row.sha256)  # no sweep before the job is inserted
        return StoredPicture(sha256=row.sha256)

    def delete(self, upload_id: str) -> None:
        """Delete an upload; submitted jobs keep its picture. Raises `NotFoundError`."""
        self.get(upload_id)
        with self._deleting() as session:
            session.execute(
                delete(StoredUpload).where(
                    StoredUpload.id == upload_id, StoredUpload.owner == self._owner
                )
            )
