"""Zip bombs whose table of contents is the bomb."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile

import pytest

from imaging.formats import SUFFIXES
from jobs.catalog.zip_archives import iter_photos
from jobs.errors import InvalidParamsError


def table_of(entries: int, *, said: int, name: bytes = b"a") -> bytes:
    """An archive without files: a table of contents of `entries` entries, which says it has `said`."""
    head = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, *[0] * 7, len(name), *[0] * 6)
    table = (head + name) * entries
    return table + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, said, said, len(table), 0, 0)


@pytest.mark.parametrize(
    "bomb",
    [
        table_of(100_000, said=100_000 % 65_536),
        table_of(100_000, said=1),
        table_of(300, said=300, name=b"n" * 60_000),
    ],
    ids=["many entries", "more entries than it gives", "long names"],
)
def test_a_long_table_of_contents_is_refused_before_it_is_parsed(bomb: bytes) -> None:
    """`zipfile` takes 500 bytes of memory for each entry of 47 bytes."""
    tracemalloc.start()
    with pytest.raises(InvalidParamsError, match="table of contents is too long"):
        list(iter_photos(bomb, max_files=100, max_bytes=1000, max_total=10_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < len(bomb) + 1_000_000


def test_an_archive_with_folders_and_litter_is_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(10):
            archive.writestr(f"photos/{number}.jpg", b"x")
            archive.writestr(f"__MACOSX/photos/._{number}.jpg", b"x")
    photos = iter_photos(out.getvalue(), max_files=10, max_bytes=1000, max_total=10_000)
    assert [name for name, _ in photos] == [f"{number}.jpg" for number in range(10)]


def test_archives_hold_pictures_of_every_format() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for suffix in sorted(SUFFIXES):
            archive.writestr(f"IMG{suffix.upper()}", b"x")
    found = list(iter_photos(out.getvalue(), max_files=100, max_bytes=1000, max_total=10_000))
    assert len(found) == len(SUFFIXES)
