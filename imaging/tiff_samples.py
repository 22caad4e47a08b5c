"""Kinds of TIFF samples that Pillow has no reader for, or reads wrongly.

Pillow has a table of the combinations of byte order, photometric interpretation, sample format and bits
that it knows, and a raw mode (how bytes become pixels) for each. Missing are most grey samples of more
than 8 bits in big-endian files or with WhiteIsZero, and 64-bit floating point.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from PIL import TiffImagePlugin

_PLANAR_CONFIGURATION, _BITS, _SEPARATE = 284, 258, 2
#: Raw modes of big-endian samples → those of the byte order of this machine, which libtiff gives.
_NATIVE = {";16BS": ";16NS", ";32BS": ";32NS", ";32BF": ";32NF", ";64BF": ";64NF"}


@cache
def complete_table() -> None:
    """Add grey samples of more than 8 bits to Pillow's table; `imaging.deep_pixels` scales them."""
    for prefix, order in ((b"II", ""), (b"MM", "B")):
        kinds = {
            (1, 12): ("I;16", "I;12"),
            (1, 16): (f"I;16{order}", f"I;16{order}"),
            (2, 16): ("I", f"I;16{order}S"),
            (1, 32): ("I", f"I;32{order}S"),
            (2, 32): ("I", f"I;32{order}S"),
            (3, 32): ("F", f"F;32{order}F"),
            (3, 64): ("F", f"F;64{order}F"),
        }
        for (format_, bits), modes in kinds.items():
            for photometric in (0, 1):
                key = (prefix, photometric, (format_,), 1, (bits,), ())
                TiffImagePlugin.OPEN_INFO.setdefault(key, modes)


def correct_tiles(image: Any) -> None:
    """Correct the raw modes of a TIFF page that is not yet loaded.

    Pillow reads separate planes of 16 bits as 8 bits, and the samples that libtiff unpacks, which have
    the byte order of this machine, in that of the file.
    """
    tags = image.tag_v2
    planes_of_16 = tags.get(_PLANAR_CONFIGURATION) == _SEPARATE and set(tags.get(_BITS, ())) == {16}
    order = "B" if tags.prefix == b"MM" else "L"
    tiles = []
    for tile in image.tile:
        raw_mode, *rest = tile.args
        if tile.codec_name == "libtiff":
            end = next((end for end in _NATIVE if raw_mode.endswith(end)), None)
            raw_mode = raw_mode if end is None else raw_mode.removesuffix(end) + _NATIVE[end]
        elif planes_of_16 and len(raw_mode) == 1:
            raw_mode = f"{raw_mode};16{order}"
        tiles.append(tile._replace(args=(raw_mode, *rest)))
    image.tile = tiles
