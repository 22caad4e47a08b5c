"""Pictures as what a terminal is sent: decoded again and compared."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from jobs.commands.terminal_image import detect_protocol, render

PNG = b"\x89PNG"


@pytest.fixture
def picture() -> bytes:
    """Red above, blue below; 40 by 20."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:10, :, 0] = 250
    pixels[10:, :, 2] = 250
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_blocks_have_two_pixels_to_a_character(picture: bytes) -> None:
    lines = render(picture, "blocks").splitlines()
    assert len(lines) == 10
    assert all(line.count("▀") == 40 and line.endswith("\033[0m") for line in lines)
    assert "38;2;250;0;0;48;2;250;0;0" in lines[0]
    assert "38;2;0;0;250;48;2;0;0;250" in lines[-1]


def test_kitty_gets_the_whole_picture_in_pieces() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (120, 200, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    sent = render(out.getvalue(), "kitty")
    pieces = re.findall(r"\033_G([^;]*);([^\033]*)\033\\", sent)
    assert len(pieces) > 2
    assert pieces[0][0] == "a=T,f=100,m=1"
    assert [control for control, _ in pieces[1:]] == ["m=1"] * (len(pieces) - 2) + ["m=0"]
    assert all(len(data) <= 4096 for _, data in pieces)
    with Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in pieces)))) as image:
        assert np.array_equal(np.asarray(image), noise)


def test_iterm_is_told_the_size(picture: bytes) -> None:
    found = re.fullmatch(r"\033\]1337;File=inline=1;size=(\d+):(.+)\a\n", render(picture, "iterm"))
    assert found
    data = base64.b64decode(found[2])
    assert data.startswith(PNG)
    assert len(data) == int(found[1])


def sixels(text: str) -> np.ndarray:
    """What a terminal paints of it: a decoder as small as one can be."""
    head, body = re.fullmatch(r'\033Pq"1;1;(\d+;\d+)(.*)\033\\\n', text, re.DOTALL).groups()  # type: ignore[union-attr]
    width, height = map(int, head.split(";"))
    canvas = np.zeros((height + 6, width, 3))
    colours: dict[int, list[int]] = {}
    x = y = 0
    ink = 0
    for number, red, green, blue, pick, count, letter, back in re.findall(
        r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|(?:!(\d+))?([?-~])|([$-])", body
    ):
        if number:
            colours[int(number)] = [int(red), int(green), int(blue)]
        elif pick:
            ink = int(pick)
        elif back:
            x, y = 0, y + (6 if back == "-" else 0)
        else:
            times = int(count or 1)
            for bit in range(6):
                if (ord(letter) - 63) >> bit & 1:
                    canvas[y + bit, x : x + times] = colours[ink]
            x += times
    return canvas[:height] * 2.55


def test_sixel_paints_every_pixel(picture: bytes) -> None:
    painted = sixels(render(picture, "sixel"))
    with Image.open(io.BytesIO(picture)) as image:
        assert np.abs(painted - np.asarray(image)).max() < 8


@pytest.mark.parametrize(
    ("said", "way"),
    [
        ({"KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM_PROGRAM": "iTerm.app", "TERM": "xterm-256color"}, "iterm"),
        ({"TERM_PROGRAM": "WezTerm"}, "iterm"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color"}, "blocks"),
        ({}, "blocks"),
    ],
)
def test_what_the_terminal_understands(said: dict[str, str], way: str) -> None:
    assert detect_protocol(said) == way
