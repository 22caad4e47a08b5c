"""Blobs as files, in pieces, from a folder and from S3."""

from __future__ import annotations

import hashlib
import io
import random
import tracemalloc
from pathlib import Path

import pytest

from jobs.blobs.local import LocalStorage
from jobs.blobs.reader import fetch_blob, open_blob
from jobs.blobs.storage import CHUNK_BYTES, BlobStorage, sha256_of_file
from jobs.errors import NotFoundError

FILM = random.Random(0).randbytes(2 * CHUNK_BYTES + 5000)


def test_any_part_is_what_the_whole_has_there(storage: BlobStorage) -> None:
    name = storage.put(FILM)
    for start, length in ((0, 1), (7, CHUNK_BYTES), (CHUNK_BYTES - 3, 9), (len(FILM) - 4, 4)):
        assert storage.read_range(name, start, length) == FILM[start : start + length]
    assert storage.read_range(name, len(FILM) - 4, 100) == FILM[-4:]
    with pytest.raises(NotFoundError):
        storage.read_range("0" * 64, 0, 1)


def test_it_reads_and_seeks_as_files_do(storage: BlobStorage) -> None:
    with open_blob(storage, storage.put(FILM), len(FILM)) as file:
        assert file.read(10) == FILM[:10]
        assert file.seek(-6, io.SEEK_END) == len(FILM) - 6
        assert file.read() == FILM[-6:]
        assert file.read(1) == b""
        file.seek(CHUNK_BYTES - 2)
        assert file.read(4) == FILM[CHUNK_BYTES - 2 : CHUNK_BYTES + 2]
        file.seek(0)
        assert file.read() == FILM


def test_no_more_is_fetched_than_is_read(
    local_storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = local_storage.put(FILM)
    fetched = []
    part = LocalStorage.read_range

    def counted(self: LocalStorage, sha256: str, start: int, length: int) -> bytes:
        fetched.append((start, length))
        return part(self, sha256, start, length)

    monkeypatch.setattr(LocalStorage, "read_range", counted)
    file = open_blob(local_storage, name, len(FILM))
    file.seek(2 * CHUNK_BYTES)
    assert file.read(100) == FILM[2 * CHUNK_BYTES : 2 * CHUNK_BYTES + 100]
    assert sum(length for _, length in fetched) <= CHUNK_BYTES + 5000


def test_files_go_in_and_come_out_in_pieces(storage: BlobStorage, tmp_path: Path) -> None:
    """Ten pieces, so that S3 takes it in parts."""
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(FILM * 5)
    name = sha256_of_file(sent)
    assert name == hashlib.sha256(FILM * 5).hexdigest()
    storage.put_file(sent, name)
    storage.put_file(sent, name)  # twice is once
    fetch_blob(storage, name, len(FILM) * 5, got)
    assert got.read_bytes() == sent.read_bytes() == storage.get(name)
    got.write_bytes(b"mine")
    fetch_blob(storage, name, len(FILM) * 5, got)
    assert got.read_bytes() == b"mine"
    with pytest.raises(NotFoundError):
        fetch_blob(storage, "0" * 64, 10, tmp_path / "none")
    assert sorted(path.name for path in tmp_path.glob("*") if path.is_file()) == ["got", "sent"]


def test_moving_a_film_takes_no_memory(local_storage: LocalStorage, tmp_path: Path) -> None:
    film = tmp_path / "film"
    with film.open("wb") as file:
        file.truncate(200_000_000)
    name = sha256_of_file(film)
    tracemalloc.start()
    local_storage.put_file(film, name)
    fetch_blob(local_storage, name, film.stat().st_size, tmp_path / "again")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "again").stat().st_size == film.stat().st_size
    assert most < 10 * CHUNK_BYTES


def test_bytes_that_are_gone_are_missed_at_once(local_storage: LocalStorage) -> None:
    local_storage.put(b"something else")
    with pytest.raises(NotFoundError):
        open_blob(local_storage, "0" * 64, 10)
