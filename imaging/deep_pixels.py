"""Grey pixels of more than 8 bits as 16 bits: unsigned, signed and floating-point samples."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageMath

DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")

#: TIFF tags.
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT, _SMIN, _SMAX = 258, 262, 339, 340, 341
_WHITE_IS_ZERO = 0
_UNSIGNED, _SIGNED = 1, 2
_LARGEST_FLOAT = 3.4e38


def sixteen_bits(image: Image.Image) -> Image.Image:
    """A loaded grey image of `DEEP_MODES` in mode I;16, black 0 and white 65535.

    The range of samples is the one that TIFF states: that of the sample format and bits, or that of
    SMinSampleValue and SMaxSampleValue. Floating-point samples without these are in 0..1, 0..255 or
    0..65535, whichever fits first, else their own range. Wide integers that need 16 bits or fewer are
    taken for 16-bit samples. WhiteIsZero is inverted.
    """
    tags: Any = getattr(image, "tag_v2", {})
    inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    if image.mode in ("I", "F"):
        return _scaled(image, tags, inverted=inverted)
    bits = _first(tags.get(_BITS, 16))
    if image.format == "TIFF" and bits == 12:  # other depths are expanded by Pillow
        return _mapped(image.convert("I").convert("F"), 0.0, 4_095.0, inverted=inverted)
    if inverted:
        return _mapped(image.convert("I").convert("F"), 0.0, 65_535.0, inverted=True)
    return image if image.mode == "I;16" else image.convert("I").convert("I;16")


def from_signed_bytes(image: Image.Image) -> Image.Image:
    """A grey image of 8 bits whose TIFF has signed samples, with -128 as black; others as they are."""
    tags: Any = getattr(image, "tag_v2", {})
    if image.mode != "L" or _first(tags.get(_SAMPLE_FORMAT)) != _SIGNED:
        return image
    return image.point([level ^ 128 for level in range(256)])


def _scaled(image: Image.Image, tags: Any, *, inverted: bool) -> Image.Image:
    bits = int(_first(tags.get(_BITS, 32)))
    default = _UNSIGNED if image.format == "TIFF" else _SIGNED
    signed = _first(tags.get(_SAMPLE_FORMAT, default)) == _SIGNED
    if image.mode == "F":
        real = _finite(image)
    elif bits == 32 and not signed:  # Pillow keeps the bits in a signed integer
        real = Image.frombytes("F", image.size, image.tobytes(), "raw", "F;32N")
    else:
        real = image.convert("F")
    lowest, highest = (float(value) for value in real.getextrema())  # type: ignore[arg-type]
    low, high = _first(tags.get(_SMIN)), _first(tags.get(_SMAX))
    if low is None or high is None or not float(low) < float(high):
        if image.mode == "F":
            low, high = _float_range(lowest, highest)
        else:
            low, high = _integer_range(lowest, highest, bits, signed=signed)
    return _mapped(real, float(low), float(high), inverted=inverted)


def _finite(image: Image.Image) -> Image.Image:
    """A floating-point image with 0 for values that are no finite numbers."""
    finite = ImageMath.lambda_eval(lambda args: (abs(args["x"]) <= _LARGEST_FLOAT) * 255, x=image)
    zero = Image.new("F", image.size)
    zero.paste(image, mask=finite.convert("L").convert("1", dither=Image.Dither.NONE))
    return zero


def _mapped(image: Image.Image, low: float, high: float, *, inverted: bool) -> Image.Image:
    """A floating-point image in mode I;16: `low` is black and `high` white, or `inverted`."""
    first, last = (65_535.0, 0.0) if inverted else (0.0, 65_535.0)
    slope = (last - first) / (high - low)
    scaled = image.point(lambda value: value * slope + (first - low * slope))
    # Rounded half up; conversion to integers cuts the fraction off.
    clipped: Image.Image = ImageMath.lambda_eval(
        lambda args: args["min"](args["max"](args["x"], 0.0), 65_535.0) + 0.5, x=scaled
    )
    return clipped.convert("I").convert("I;16")


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
