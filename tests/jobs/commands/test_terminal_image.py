"""Pictures as the terminal gets them."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

from jobs.commands.terminal_image import COLUMNS, Protocol, draw


@pytest.fixture
def picture() -> bytes:
    """Red above, blue below; 80 by 80."""
    pixels = np.zeros((80, 80, 3), np.uint8)
    pixels[:40, :, 0] = 250
    pixels[40:, :, 2] = 250
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("protocol", ["blocks", "auto"])
def test_half_blocks_have_the_colours_of_the_picture(
    picture: bytes, protocol: Protocol, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(picture, protocol)
    lines = capsys.readouterr().out.splitlines()
    assert all(line.count("▀") == COLUMNS for line in lines)
    assert "38;2;250;0;0;48;2;250;0;0" in lines[0]
    assert "38;2;0;0;250;48;2;0;0;250" in lines[-1]


def test_sixel_has_the_colours_of_the_picture(
    picture: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(picture, "sixel")
    sent = capsys.readouterr().out
    assert re.search(r"\033P[0-9;]*q.*\033\\", sent, re.DOTALL)
    assert {(98, 0, 0), (0, 0, 98)} == {
        tuple(map(int, each)) for each in re.findall(r"#\d+;2;(\d+);(\d+);(\d+)", sent)
    }


def test_kitty_gets_placeholders(picture: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    draw(picture, "kitty")
    assert capsys.readouterr().out.count("\U0010eeee") > COLUMNS


def test_bytes_that_are_no_picture() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        draw(b"nothing", "blocks")
