from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from imaging.folders import find_pictures, is_litter


@pytest.mark.parametrize(
    "name",
    [
        "._a.jpg",
        "__MACOSX/a.jpg",
        ".DS_Store",
        "Thumbs.db",
        "thumbs.DB",
        "x/desktop.ini",
        "@eaDir/a.jpg",
    ],
)
def test_litter_of_operating_systems(name: str) -> None:
    assert is_litter(PurePath(name))


@pytest.mark.parametrize("name", ["a.jpg", "_a.jpg", "x/.a.jpg", "MACOSX/a.jpg", "Thumbs.png"])
def test_other_files_are_no_litter(name: str) -> None:
    assert not is_litter(PurePath(name))


def test_pictures_are_found_and_the_rest_is_named(tmp_path: Path) -> None:
    for name in (
        "b.JPG",
        "a.png",
        "._a.png",
        "notes.txt",
        ".DS_Store",
        "deep/c.webp",
        "__MACOSX/d.png",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    suffixes = {".jpg", ".png", ".webp"}
    flat = find_pictures(tmp_path, suffixes, recursive=False)
    assert [path.name for path in flat.pictures] == ["a.png", "b.JPG"]
    deep = find_pictures(tmp_path, suffixes, recursive=True)
    assert [path.name for path in deep.pictures] == ["a.png", "b.JPG", "c.webp"]
    notice = deep.notice(tmp_path)
    assert notice == f"Left out of {tmp_path}, no pictures by their suffix: notes.txt."
    (tmp_path / "notes.txt").unlink()
    assert find_pictures(tmp_path, suffixes, recursive=True).notice(tmp_path) is None
