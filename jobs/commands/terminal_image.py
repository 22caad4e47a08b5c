"""Terminal graphics: the kitty and iTerm2 protocols, sixel, or coloured half blocks."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Literal

from PIL import Image

Protocol = Literal["kitty", "iterm", "sixel", "blocks"]
PROTOCOLS: tuple[Protocol, ...] = ("kitty", "iterm", "sixel", "blocks")
#: Long side of the drawn picture in pixels; width of half blocks in columns.
LONG_SIDE = 640
COLUMNS = 72


def detect_protocol(environment: dict[str, str]) -> Protocol:
    """The graphics protocol of the terminal, from its environment variables.

    Most terminals with sixel do not announce it there, so that they get half blocks.
    """
    program = environment.get("TERM_PROGRAM", "")
    if (
        "KITTY_WINDOW_ID" in environment
        or program == "ghostty"
        or "kitty" in environment.get("TERM", "")
    ):
        return "kitty"
    if program in {"iTerm.app", "WezTerm"}:
        return "iterm"
    return "sixel" if environment.get("TERM", "").startswith(("mlterm", "foot")) else "blocks"


def render(data: bytes, protocol: Protocol) -> str:
    """The escape sequences that draw a picture. Raises `OSError` if `data` is not a picture."""
    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    if protocol == "blocks":
        return _blocks(picture)
    picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    if protocol == "sixel":
        return _sixel(picture)
    png = io.BytesIO()
    picture.save(png, "PNG")
    encoded = base64.b64encode(png.getvalue()).decode()
    if protocol == "iterm":
        return f"\033]1337;File=inline=1;size={len(png.getvalue())}:{encoded}\a\n"
    return "".join(_kitty(encoded)) + "\n"


def _kitty(encoded: str) -> Iterator[str]:
    """The kitty protocol: chunks of 4096 characters, each with a flag whether more follow."""
    pieces = [encoded[start : start + 4096] for start in range(0, len(encoded), 4096)]
    for number, piece in enumerate(pieces):
        control = "a=T,f=100," if number == 0 else ""
        yield f"\033_G{control}m={int(number < len(pieces) - 1)};{piece}\033\\"


def _blocks(picture: Image.Image) -> str:
    """Half blocks: each character shows two pixels, by its foreground and background colours."""
    width = min(COLUMNS, picture.width)
    height = max(2, round(picture.height * width / picture.width / 2) * 2)
    small = picture.resize((width, height), Image.Resampling.LANCZOS)
    lines = []
    for y in range(0, height, 2):
        cells = []
        for x in range(width):
            red, green, blue = _rgb(small, x, y)
            under = ";".join(map(str, _rgb(small, x, y + 1)))
            cells.append(f"\033[38;2;{red};{green};{blue};48;2;{under}m▀")
        lines.append("".join(cells) + "\033[0m")
    return "\n".join(lines) + "\n"


def _rgb(picture: Image.Image, x: int, y: int) -> tuple[int, int, int]:
    pixel = picture.getpixel((x, y))
    assert isinstance(pixel, tuple)  # noqa: S101 - it was converted to RGB
    return int(pixel[0]), int(pixel[1]), int(pixel[2])


def _sixel(picture: Image.Image) -> str:
    """Sixel: bands of six rows; in each band, one run-length coded line for every colour."""
    indexed = picture.quantize(64)
    palette = indexed.getpalette() or []
    percent = [round(value / 2.55) for value in palette]
    colours = "".join(
        f"#{n};2;" + ";".join(map(str, percent[3 * n : 3 * n + 3])) for n in range(len(percent) // 3)
    )
    width, height = indexed.size
    pixels = indexed.tobytes()
    bands = []
    for top in range(0, height, 6):
        rows = [pixels[y * width : (y + 1) * width] for y in range(top, min(top + 6, height))]
        lines = []
        for colour in sorted(set().union(*rows)):
            bits = (sum((row[x] == colour) << n for n, row in enumerate(rows)) for x in range(width))
            lines.append(f"#{colour}" + _run_length(chr(63 + each) for each in bits))
        bands.append("$".join(lines))
    return f'\033Pq"1;1;{width};{height}{colours}' + "-".join(bands) + "\033\\\n"


def _run_length(letters: Iterator[str]) -> str:
    out, last, count = [], "", 0
    for letter in [*letters, ""]:
        if letter == last:
            count += 1
            continue
        if last:
            out.append(f"!{count}{last}" if count > 3 else last * count)
        last, count = letter, 1
    return "".join(out)
