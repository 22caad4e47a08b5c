"""Any Pillow image as 8-bit sRGB and alpha: modes, bit depths, colour profiles."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

Pixels = npt.NDArray[np.uint8]

_WIDE = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
#: Modes that a profile of each colour space describes.
_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}


def to_srgb(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Pixels (H, W, 3) in sRGB and alpha (H, W), None if opaque, of a loaded image of any mode."""
    if image.mode in _WIDE:
        narrow = Image.fromarray(_eight_bits(np.asarray(image)))
        return _planes(_managed(narrow, image.info.get("icc_profile")), None)
    profile = image.info.get("icc_profile")
    alpha = None
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        rgba = image.convert("RGBA")
        alpha = np.array(rgba.getchannel("A"))
        grey = image.mode in ("L", "LA", "La")
        image = rgba.convert("L" if grey else "RGB")
    return _planes(_managed(image, profile), alpha)


def _planes(image: Image.Image, alpha: Pixels | None) -> tuple[Pixels, Pixels | None]:
    if alpha is not None and bool((alpha == 255).all()):
        alpha = None
    return np.array(image), alpha


def _eight_bits(values: npt.NDArray[np.generic]) -> Pixels:
    """Scale what is wider than 8 bits by the range its values claim: 1, 255, 65535 or their own."""
    if values.dtype == np.uint16:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    real = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
    low, high = float(real.min()), float(real.max())
    if low < 0 or high > 65_535:
        real, top = real - low, max(high - low, 1e-12)
    elif values.dtype.kind == "f" and high <= 1:
        top = 1.0
    elif values.dtype.kind == "f" and high <= 255:
        top = 255.0
    else:
        top = 65_535.0
    return np.floor(real * (255 / top) + 0.5).astype(np.uint8)


def _managed(image: Image.Image, icc: bytes | None) -> Image.Image:
    """`image` in sRGB by its profile; without one, or with one that is broken, by Pillow's rules."""
    if icc:
        try:
            profile = ImageCms.ImageCmsProfile(BytesIO(icc))
            mode = _SPACES.get(profile.profile.xcolor_space)
            if mode is not None and not _is_srgb(profile):
                converted = ImageCms.profileToProfile(
                    image.convert(mode),
                    profile,
                    ImageCms.createProfile("sRGB"),
                    renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                    outputMode="RGB",
                    flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
                )
                if converted is not None:
                    return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # as browsers do: a picture with a broken profile is shown without it
    return image.convert("RGB")


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    description = profile.profile.profile_description or ""
    return "sRGB" in description
