"""Grey pixels of more than 8 bits as 16 bits: unsigned, signed and floating-point samples."""

from __future__ import annotations

from typing import Any

from PIL import Image

DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")

#: TIFF tags.
_BITS, _SAMPLE_FORMAT, _SMIN, _SMAX = 258, 339, 340, 341
_SIGNED = 2


def sixteen_bits(image: Image.Image) -> Image.Image:
    """A loaded grey image of `DEEP_MODES` in mode I;16, black 0 and white 65535.

    The range of samples is the one that TIFF states: that of the sample format and bits, or that of
    SMinSampleValue and SMaxSampleValue. Floating-point samples without these are in 0..1, 0..255 or
    0..65535, whichever fits first, else their own range. Wide integers that need 16 bits or fewer are
    taken for 16-bit samples. WhiteIsZero is inverted. `image.info` says what `imaging.tiff_samples`
    changed.
    """
    tags: Any = getattr(image, "tag_v2", {})
    if image.mode in ("I", "F"):
        deep = _scaled(image, tags)
    else:
        deep = image if image.mode == "I;16" else image.convert("I").convert("I;16")
        bits = _first(tags.get(_BITS, 16))
        if image.format == "TIFF" and bits == 12:  # other depths are expanded by Pillow
            deep = _by_levels(deep, [min(65_535, value * 65_535 // 4_095) for value in range(65_536)])
    if image.info.get("white_is_zero"):
        deep = _by_levels(deep, range(65_535, -1, -1))
    return deep


def _by_levels(image: Image.Image, levels: Any) -> Image.Image:
    # numpy, because Pillow has no look-up table from 16 to 16 bits.
    import numpy as np

    return Image.fromarray(np.asarray(list(levels), np.uint16)[np.asarray(image)])


def _scaled(image: Image.Image, tags: Any) -> Image.Image:
    # Imported here: only TIFF has such samples, which a web server does not read, so it needs no numpy.
    import numpy as np

    values = np.asarray(image)
    bits = int(_first(tags.get(_BITS, 32)))
    signed = _first(tags.get(_SAMPLE_FORMAT, _SIGNED)) == _SIGNED and not image.info.get("unsigned")
    if image.mode == "I" and bits == 32 and not signed:
        values = values.view(np.uint32)  # Pillow keeps the bits in a signed integer
    real = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
    lowest, highest = float(real.min()), float(real.max())
    low, high = _first(tags.get(_SMIN)), _first(tags.get(_SMAX))
    if low is None or high is None or not float(low) < float(high):
        if image.mode == "F":
            low, high = _float_range(lowest, highest)
        else:
            low, high = _integer_range(lowest, highest, bits, signed=signed)
    scaled = (real - float(low)) * (65_535 / (float(high) - float(low)))
    return Image.fromarray(np.floor(scaled.clip(0, 65_535) + 0.5).astype(np.uint16))


def _float_range(lowest: float, highest: float) -> tuple[float, float]:
    top = next((top for top in (1.0, 255.0, 65_535.0) if highest <= top), None)
    if lowest < 0 or top is None:
        return lowest, max(highest, lowest + 1e-12)
    return 0.0, top


def _integer_range(lowest: float, highest: float, bits: int, *, signed: bool) -> tuple[float, float]:
    half = 2.0 ** (bits - 1)
    if signed and lowest < 0:
        return -half, half - 1
    if bits > 16 and highest <= 65_535:
        return 0.0, 65_535.0
    return 0.0, half - 1 if signed else 2 * half - 1


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value
