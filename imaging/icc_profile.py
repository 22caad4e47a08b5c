"""ICC profiles of colour spaces that are named by numbers: primaries and a transfer function.

PNG's gAMA, cHRM and cICP chunks and the nclx box of AVIF and HEIF name a colour space so. LittleCMS,
the colour management of Pillow, wants a profile. Code points are those of ITU-T H.273 (CICP).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

#: A transfer function: coded value → light, both in 0..1.
Transfer = Callable[[float], float]
#: Chromaticities (x, y) of white, red, green and blue.
Primaries = tuple[float, ...]

_D65 = (0.3127, 0.3290)
_C = (0.310, 0.316)
#: H.273 table 2. Code 2 is "unspecified".
_PRIMARIES: dict[int, Primaries] = {
    1: (*_D65, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060),
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    10: (1 / 3, 1 / 3, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
SRGB_PRIMARIES = _PRIMARIES[1]
#: Samples of a transfer function in a profile.
_SAMPLES = 4096
#: BT.2408: HDR reference white, and the assumed peak of the content, in cd/m².
_SDR_WHITE, _HDR_PEAK = 203.0, 1000.0

_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_D50 = (0.9642, 1.0, 0.8249)

Matrix = Sequence[Sequence[float]]


def cicp_profile(primaries: int, transfer: int, *, gray: bool) -> bytes | None:
    """The ICC profile of CICP code points.

    None for sRGB, and for codes that are unspecified or unknown.
    """
    chromaticities, function = _PRIMARIES.get(primaries), _TRANSFERS.get(transfer)
    if chromaticities is None or function is None or (primaries, transfer) == (1, 13):
        return None
    return gray_profile(function) if gray else rgb_profile(chromaticities, function)


def gamma_profile(gamma: float, primaries: Primaries, *, gray: bool) -> bytes:
    """The ICC profile of a power function, light = value ** `gamma`, with `primaries`."""
    function = _power(gamma)
    return gray_profile(function) if gray else rgb_profile(primaries, function)


def rgb_profile(primaries: Primaries, transfer: Transfer) -> bytes:
    """A matrix/TRC profile, ICC.1:2001. Raises `ValueError` for primaries without an inverse."""
    columns = list(zip(*_rgb_to_pcs(primaries), strict=True))
    curve = _curve(transfer)
    tags = {
        name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
    }
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def gray_profile(transfer: Transfer) -> bytes:
    """A grey TRC profile, ICC.1:2001."""
    return _profile(b"GRAY", {b"kTRC": _curve(transfer)})


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"c\0" + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": _xyz(_D50),
        **tags,
    }
    offset, table, body = 132 + 12 * len(tags), b"", b""
    places: dict[bytes, int] = {}
    for name, value in tags.items():
        if value not in places:
            places[value] = offset + len(body)
            body += value + bytes(-len(value) % 4)
        table += name + struct.pack(">II", places[value], len(value))
    header = bytearray(128)
    struct.pack_into(">I", header, 0, offset + len(body))
    header[8:12] = b"\x02\x40\0\0"
    header[12:24] = b"mntr" + space + b"XYZ "
    header[36:40] = b"acsp"
    header[68:80] = _fixed(_D50)
    return bytes(header) + struct.pack(">I", len(tags)) + table + body


def _fixed(values: Sequence[float]) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65_536) for value in values))


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _curve(transfer: Transfer) -> bytes:
    values = [transfer(step / (_SAMPLES - 1)) for step in range(_SAMPLES)]
    levels = [round(65_535 * min(1.0, max(0.0, value))) for value in values]
    return b"curv\0\0\0\0" + struct.pack(f">I{_SAMPLES}H", _SAMPLES, *levels)


def _rgb_to_pcs(primaries: Primaries) -> Matrix:
    """Linear RGB → XYZ under D50, by Bradford adaptation from the white of `primaries`."""
    white, *colors = (_to_xyz(*primaries[i : i + 2]) for i in range(0, 8, 2))
    matrix = list(zip(*colors, strict=True))
    scale = _times(_inverse(matrix), white)
    scaled = [[value * factor for value, factor in zip(row, scale, strict=True)] for row in matrix]
    source, target = _times(_BRADFORD, white), _times(_BRADFORD, _D50)
    cones = [[target[i] / source[i] * value for value in _BRADFORD[i]] for i in range(3)]
    adapted = _product(_inverse(_BRADFORD), cones)
    return _product(adapted, scaled)


def _to_xyz(x: float, y: float) -> tuple[float, float, float]:
    if y == 0:  # ST 428-1: red and blue of XYZ itself
        return (1.0, 0.0, 0.0) if x else (0.0, 0.0, 1.0)
    return x / y, 1.0, (1 - x - y) / y


def _times(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def _product(left: Matrix, right: Matrix) -> Matrix:
    columns = list(zip(*right, strict=True))
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in left
    ]


def _inverse(m: Matrix) -> Matrix:
    def minor(row: int, column: int) -> float:
        rows, columns = [r for r in range(3) if r != row], [c for c in range(3) if c != column]
        (a, b), (c, d) = ([m[r][c] for c in columns] for r in rows)
        return a * d - b * c

    determinant = sum((-1) ** c * m[0][c] * minor(0, c) for c in range(3))
    if abs(determinant) < 1e-9:
        raise ValueError("The primaries of the colour space lie on one line.")
    return [[(-1) ** (r + c) * minor(c, r) / determinant for c in range(3)] for r in range(3)]


def _power(gamma: float) -> Transfer:
    return lambda value: float(value**gamma)


def _srgb(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _smpte240(value: float) -> float:
    return value / 4.0 if value < 0.0913 else ((value + 0.1115) / 1.1115) ** (1 / 0.45)


def _st428(value: float) -> float:
    return min(1.0, float(52.37 / 48.0 * value**2.6))


def _pq(value: float) -> float:
    """ST 2084, tone-mapped to SDR."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    root = value ** (1 / m2)
    return _tone_mapped(10_000 * (max(0.0, root - c1) / (c2 - c3 * root)) ** (1 / m1))


def _hlg(value: float) -> float:
    """ARIB STD-B67 with the system gamma of a display of 1000 cd/m², tone-mapped to SDR."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = value**2 / 3 if value <= 0.5 else (math.exp((value - c) / a) + b) / 12
    return _tone_mapped(_HDR_PEAK * scene**1.2)


def _tone_mapped(nits: float) -> float:
    """HDR light in cd/m² → SDR light in 0..1, as Chromium 156 shows grey: half up to reference white.

    From reference white to the peak a quadratic shoulder leads to 1. Found by measuring, within 8
    levels.
    """
    light, peak = min(nits, _HDR_PEAK) / _SDR_WHITE, _HDR_PEAK / _SDR_WHITE
    return light / 2 if light <= 1 else 1 - 0.5 * ((peak - light) / (peak - 1)) ** 2


#: H.273 table 3. Code 2 is "unspecified".
_TRANSFERS: dict[int, Transfer] = {
    # BT.1886, the display of BT.601, BT.709 and BT.2020, as browsers have it.
    **dict.fromkeys((1, 6, 11, 12, 14, 15), _power(2.4)),
    4: _power(2.2),
    5: _power(2.8),
    7: _smpte240,
    8: _power(1.0),
    13: _srgb,
    16: _pq,
    17: _st428,
    18: _hlg,
}
