"""Conversion of any Pillow image to 8-bit sRGB and alpha: modes, bit depths, transparency, profiles."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image, ImageCms

from imaging.deep_pixels import DEEP_MODES, from_signed_bytes, sixteen_bits

_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
_GRAY = ("1", "L")
#: Largest difference, in levels of 255, at which a profile is taken for sRGB itself.
_SAME_AS_SRGB = 1


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, Image.Image | None]:
    """SRGB pixels (mode RGB) and alpha (mode L, None if opaque) of a loaded image of any mode.

    `profile` is an ICC profile. A broken one, or one for another kind of pixels than the image has, is
    ignored, as in browsers.
    """
    image, alpha = _split_alpha(image)
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    converted = None if profile is None else _converted(image, profile)
    return converted or _without_profile(image), alpha


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colours in one of the modes 1, L, I;16, RGB, CMYK, LAB, …, and alpha."""
    if image.mode in DEEP_MODES:
        deep = sixteen_bits(image)
        clear = image.info.get("transparency")
        if isinstance(clear, int):
            return deep, deep.convert("I").point([255 * (v != clear) for v in range(65_536)], "L")
        return deep, None
    image = from_signed_bytes(image)
    if image.mode not in _WITH_ALPHA and "transparency" not in image.info:
        return (image.convert("RGB") if image.mode in ("P", "YCbCr", "HSV") else image), None
    rgba = image.convert("RGBA")
    gray = image.mode in ("1", "L", "LA", "La")
    return rgba.convert("L" if gray else "RGB"), rgba.getchannel("A")


def _without_profile(image: Image.Image) -> Image.Image:
    if image.mode == "I;16":
        levels = [(value + 128) // 257 for value in range(65_536)]
        image = image.convert("I").point(levels, "L")
    return image.convert("RGB")


def _converted(image: Image.Image, data: bytes) -> Image.Image | None:
    """`image` in sRGB by a profile; None if the profile does not apply or changes nothing."""
    try:
        space = _color_space(data)
        if space is None:
            return None
        # An RGB profile describes grey pixels too: red, green and blue are then equal.
        if space == "RGB " and image.mode in (*_GRAY, "I;16"):
            image = _without_profile(image)
        elif space == "GRAY" and image.mode == "1":
            image = image.convert("L")
        fitting = {"RGB ": ("RGB", "RGBX"), "GRAY": ("L", "I;16"), "CMYK": ("CMYK",), "Lab ": ("LAB",)}
        if image.mode not in fitting.get(space, ()) or _is_srgb(data, space):
            return None
        return ImageCms.applyTransform(image, _transform(data, image.mode))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


@lru_cache(maxsize=8)
def _color_space(data: bytes) -> str | None:
    """The colour space of a device profile, such as "RGB ".

    None for a device link or an abstract one.
    """
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data)).profile
    return profile.xcolor_space if profile.device_class in ("scnr", "mntr", "prtr", "spac") else None


@lru_cache(maxsize=8)
def _transform(data: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode == "I;16":  # the optimised transform is too coarse for the shadows of a linear profile
        flags |= ImageCms.Flags.NOOPTIMIZE
    return ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(data)),
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=flags,
    )


@lru_cache(maxsize=32)
def _is_srgb(data: bytes, space: str) -> bool:
    """Whether a profile maps a grid of colours to itself, so that pixels may stay bit for bit.

    The effect is measured because names prove nothing: "linear sRGB" is another space.
    """
    if space == "RGB ":
        steps = range(0, 256, 17)
        grid = bytes(v for r in steps for g in steps for b in steps for v in (r, g, b))
        test = Image.frombytes("RGB", (16 * 16, 16), grid)
    elif space == "GRAY":
        test = Image.frombytes("L", (256, 1), bytes(range(256)))
    else:
        return False
    result = ImageCms.applyTransform(test, _transform(data, test.mode))
    if result is None:
        return False
    pairs = zip(test.convert("RGB").tobytes(), result.tobytes(), strict=True)
    return all(abs(a - b) <= _SAME_AS_SRGB for a, b in pairs)
