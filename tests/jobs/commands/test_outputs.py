from __future__ import annotations

from pathlib import Path

import click
import pytest

from jobs.commands.outputs import PICTURE_FORMATS, VIDEO_FORMATS, format_for


@pytest.mark.parametrize(
    ("name", "formats", "expected"),
    [
        ("x.png", PICTURE_FORMATS, "png"),
        ("x.JPG", PICTURE_FORMATS, "jpeg"),
        ("x.webm", VIDEO_FORMATS, "webm"),
        ("x.gif", VIDEO_FORMATS, "gif"),
        ("x.zip", VIDEO_FORMATS, "png"),
    ],
)
def test_the_suffix_of_an_output_names_its_format(
    name: str, formats: dict[str, str], expected: str
) -> None:
    assert format_for(Path(name), None, formats, []) == expected


def test_a_format_that_is_given_comes_first() -> None:
    assert format_for(Path("x.png"), "webp", PICTURE_FORMATS, []) == "webp"
    assert format_for(Path("x.data"), "webp", PICTURE_FORMATS, []) == "webp"
    assert format_for(None, None, PICTURE_FORMATS, []) is None
    assert format_for(Path("-"), None, PICTURE_FORMATS, []) is None


def test_an_unknown_suffix_and_a_source_are_refused(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match=r"x\.tiff ends in none of \.png, \.jpg"):
        format_for(Path("x.tiff"), None, PICTURE_FORMATS, [])
    photo = tmp_path / "photo.jpg"
    photo.touch()
    with pytest.raises(click.UsageError, match="is a source itself"):
        format_for(tmp_path / "." / "photo.jpg", None, PICTURE_FORMATS, [photo])
