"""Atomic writes: the old file or the new one, and nothing left behind."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from imaging.atomic_write import atomic_write


@pytest.mark.parametrize("durable", [False, True])
def test_the_new_file_replaces_the_old_one_when_it_is_whole(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "made" / "file.bin"
    with atomic_write(path, durable=durable) as file:
        file.write(b"first")
    with atomic_write(path, durable=durable) as file:
        file.write(b"second")
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with contextlib.suppress(KeyboardInterrupt), atomic_write(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    with atomic_write(path) as one, atomic_write(path) as other:
        one.write(b"a" * 100)
        other.write(b"b" * 100)
    assert path.read_bytes() == b"a" * 100
    assert list(tmp_path.iterdir()) == [path]
