"""Staged files of one request: written and synced while the files are still being checked.

A staged file has no name in the store until its request is accepted (`publish`). If the request is
refused, or the process dies before, nothing is left of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType

from jobs.blobs.storage import BlobStorage, StagedBlob, sha256_of
from jobs.errors import StorageError
from jobs.media.decoded_photos import DecodedPhotos, StagedPhoto
from jobs.media.pictures import CheckedFile

#: Largest number of files that are staged: each one keeps a file open.
MAX_FILES = 8
#: Marks of metadata near the start of a picture. The bytes of such a picture change when it is checked.
_METADATA = (
    *(b"Exif\0\0", b"http://ns.adobe.com/", b"Photoshop 3.0"),
    *(b"eXIf", b"tEXt", b"iTXt", b"zTXt"),
)
_SEARCHED_BYTES = 4096


class StagedFiles:
    """Files of one request by their SHA-256. A context manager, which discards what has no name yet.

    With `decoded_photos`, also the pixels of photos, for the workers of this machine.
    """

    def __init__(self, storage: BlobStorage, decoded_photos: DecodedPhotos | None = None) -> None:
        self._storage = storage
        self._decoded_photos = decoded_photos
        self._photos: list[StagedPhoto] = []
        self._staged: dict[str, StagedBlob] = {}
        self._digests: dict[int, tuple[bytes, str]] = {}

    def __enter__(self) -> StagedFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for staged in self._staged.values():
            staged.close()
        for photo in self._photos:
            photo.close()

    def photo(self, long_side: int | None) -> StagedPhoto | None:
        """A place for the pixels of a photo that is decoded for `long_side`; None if there is none."""
        photo = None if self._decoded_photos is None else self._decoded_photos.stage(long_side)
        if photo is not None:
            self._photos.append(photo)
        return photo

    def sha256(self, data: bytes) -> str:
        """The SHA-256 of bytes, computed once for the same object."""
        known = self._digests.get(id(data))
        if known is None:
            # The bytes are kept too, so that their `id` stays theirs.
            known = self._digests[id(data)] = (data, sha256_of(data))
        return known[1]

    def expect(self, data: bytes) -> None:
        """Stage bytes that have arrived and are not checked yet, unless the check will change them."""
        head = data[:_SEARCHED_BYTES]
        if not any(mark in head for mark in _METADATA):
            # A refusal of the file comes before an error of the store, which `add` raises again.
            with suppress(StorageError):
                self._stage(data, self.sha256(data))

    def add(self, files: Iterable[CheckedFile]) -> bool:
        """Stage checked files that are not staged yet; False if the store can't stage all of them."""
        return all(self._stage(file.data, file.sha256) for file in files)

    def publish(self, names: Iterable[str]) -> list[str]:
        """Give staged files their names; returns those that the store did not have.

        Must be followed by the transaction that writes their rows, or by `delete_unlisted`.
        """
        return [name for name in names if self._staged[name].publish()]

    def _stage(self, data: bytes, sha256: str) -> bool:
        if sha256 in self._staged:
            return True
        staged = self._storage.stage(data, sha256) if len(self._staged) < MAX_FILES else None
        if staged is None:
            return False
        self._staged[sha256] = staged
        return True
