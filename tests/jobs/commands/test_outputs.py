from __future__ import annotations

import io
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from jobs.commands.outputs import PICTURE_FORMATS, VIDEO_FORMATS, converted, format_for


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


def test_a_picture_is_converted_to_the_format_of_the_suffix() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (5, 4), (200, 10, 10, 255)).save(buffer, "PNG")
    png = buffer.getvalue()
    for name, format_ in (("a.jpg", "JPEG"), ("a.webp", "WEBP"), ("a.png", "PNG"), ("a", "PNG")):
        with Image.open(io.BytesIO(converted(png, "image/png", Path(name)))) as image:
            assert (image.format, image.size) == (format_, (5, 4))
            assert np.abs(np.asarray(image.convert("RGB"))[0, 0].astype(int) - [200, 10, 10]).max() < 6
    assert converted(png, "image/png", Path("a.png")) == png


@pytest.mark.parametrize(
    ("media_type", "name"), [("image/png", "a.mp4"), ("video/mp4", "a.jpg"), ("image/gif", "a.png")]
)
def test_a_picture_is_no_video(media_type: str, name: str) -> None:
    with pytest.raises(click.UsageError, match=media_type):
        converted(b"", media_type, Path(name))
    assert converted(b"x", "video/quicktime", Path("a.mov")) == b"x"
    assert converted(b"x", "application/zip", Path("a.zip")) == b"x"


def test_an_unknown_suffix_and_a_source_are_refused(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match=r"x\.tiff ends in none of \.png, \.jpg"):
        format_for(Path("x.tiff"), None, PICTURE_FORMATS, [])
    photo = tmp_path / "photo.jpg"
    photo.touch()
    with pytest.raises(click.UsageError, match="is a source itself"):
        format_for(tmp_path / "." / "photo.jpg", None, PICTURE_FORMATS, [photo])
