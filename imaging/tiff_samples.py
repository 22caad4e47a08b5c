"""Grey TIFF samples that Pillow has no reader for, rewritten as an equivalent that Pillow reads.

Pillow lists the combinations of byte order, photometric interpretation, sample format and bits that it
knows. WhiteIsZero of more than 8 bits and unsigned 32 bits in big-endian files are missing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_SHORT = 3
_MAX_PAGES = 1_000


@dataclass(frozen=True)
class TiffSamples:
    """`data`, the rewritten file; whether its pixels are to be inverted, and to be read as unsigned."""

    data: bytes
    white_is_zero: bool
    unsigned: bool


def readable_samples(data: bytes) -> TiffSamples:
    """Rewrite the tags of all pages where the samples are grey and have more than 8 bits."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return TiffSamples(data, white_is_zero=False, unsigned=False)
    order = "<" if data[:2] == b"II" else ">"
    patched = bytearray(data)
    inverted = unsigned = False
    try:
        page = struct.unpack_from(order + "I", data, 4)[0]
        seen: set[int] = set()
        while page and page not in seen and len(seen) < _MAX_PAGES:
            seen.add(page)
            count = struct.unpack_from(order + "H", data, page)[0]
            values = {}
            for entry in range(page + 2, page + 2 + 12 * count, 12):
                tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
                if kind == _SHORT and number == 1:
                    values[tag] = (struct.unpack_from(order + "H", data, entry + 8)[0], entry + 8)
            bits, photometric = values.get(_BITS, (1, 0))[0], values.get(_PHOTOMETRIC, (2, 0))[0]
            if bits > 8 and photometric in (0, 1):
                if photometric == 0:
                    struct.pack_into(order + "H", patched, values[_PHOTOMETRIC][1], 1)
                    inverted = True
                format_, at = values.get(_SAMPLE_FORMAT, (1, 0))
                if bits == 32 and format_ == 1 and at:
                    struct.pack_into(order + "H", patched, at, 2)
                    unsigned = True
            page = struct.unpack_from(order + "I", data, page + 2 + 12 * count)[0]
    except struct.error:
        pass  # the decoder reports a broken file
    return TiffSamples(bytes(patched), inverted, unsigned)
