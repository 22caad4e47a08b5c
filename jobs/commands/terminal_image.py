"""Pictures drawn in the terminal by textual-image: kitty's protocol, sixel, or half blocks."""

from __future__ import annotations

import io
import sys
from typing import Literal

from PIL import Image

Protocol = Literal["auto", "kitty", "sixel", "blocks"]
#: Width of the drawn picture in columns.
COLUMNS = 72


def draw(data: bytes, protocol: Protocol) -> None:
    """Draw a picture on standard output. Raises `OSError` if `data` is not a picture.

    For `auto` the terminal is asked; half blocks are drawn if it has no graphics, or if standard output
    is no terminal.
    """
    from rich.console import Console

    # Imported late: the import asks the terminal what it can show.
    from textual_image import renderable

    classes = {
        "auto": renderable.Image if sys.stdout.isatty() else renderable.HalfcellImage,
        "kitty": renderable.TGPImage,
        "sixel": renderable.SixelImage,
        "blocks": renderable.HalfcellImage,
    }
    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    console = Console(file=sys.stdout, force_terminal=True, color_system="truecolor")
    console.print(classes[protocol](picture, width=min(COLUMNS, console.width)))
