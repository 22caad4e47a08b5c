"""Still pictures: decoding of common files, resizing, conversion to and from tensors, encoding."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from imaging.formats import FORMAT_NAMES
from imaging.metadata import BrokenFileError, UnknownSamplesError
from imaging.still import PNG_COMPRESS_TYPE, SIDEWAYS, StillFile, open_still
from nst_core.errors import NstError
from nst_core.images.save_options import save_options

Pixels = npt.NDArray[np.uint8]
PictureFormat = Literal["png", "jpeg", "webp"]

#: File suffix of each output format.
SUFFIXES: dict[PictureFormat, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}

_MAX_SIDE = {"jpeg": 65_535, "webp": 16_383}


class PictureError(NstError):
    """A file is not a usable picture, or a picture can't be written as requested."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An sRGB picture: `pixels` (H, W, 3) and `alpha` (H, W), both uint8; `alpha` is None if opaque.

    `format` is Pillow's name of the file format, such as "JPEG".
    """

    pixels: Pixels
    alpha: Pixels | None = None
    format: str = "PNG"

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])


def read_picture(
    source: bytes | Path, *, max_pixels: int = 40_000_000, target_long_side: int | None = None
) -> Picture:
    """Decode a file or its bytes: upright (Exif), in sRGB by its colour space, 8 bits, with alpha.

    `target_long_side` says that the picture will be resized to that; a large JPEG is then decoded at
    half, a quarter or an eighth of its size, never below 1.5 times the target. Raises `PictureError` if
    it has more than `max_pixels` (before decoding), is animated, is cut short, or is no picture.
    """
    name = source.name if isinstance(source, Path) else "The file"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow about metadata that nothing here uses
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with _open(source, name) as still:
            image = still.image
            _check(still, name, max_pixels)
            factor = still.reduction(target_long_side)
            if factor > 1:
                still.reduce(factor)
            try:
                still.load()
                rgb, alpha = still.srgb()
            except Exception as error:  # Pillow's decoders raise many kinds of error on a broken file
                raise PictureError(f"{name} is damaged or cut short: {error}.") from error
            orientation = still.upright()
            return Picture(
                _upright(np.array(rgb), orientation),
                None if alpha is None else _upright(np.array(alpha), orientation),
                str(image.format),
            )


def _open(source: bytes | Path, name: str) -> StillFile:
    try:
        data = source if isinstance(source, bytes) else source.read_bytes()
        return open_still(data)
    except FileNotFoundError:
        raise PictureError(f"There is no file {source!s}.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(f"{name} has too many pixels. Send a smaller picture.") from None
    except BrokenFileError as error:
        raise PictureError(f"{name} is damaged or cut short: {error}.") from None
    except UnknownSamplesError as error:
        raise PictureError(f"{name} is {error}. Save it with 8 or 16 bits a channel.") from None
    except Exception as error:
        raise PictureError(f"{name} is not a {FORMAT_NAMES} picture.") from error


def _check(still: StillFile, name: str, max_pixels: int) -> None:
    image = still.image
    if image.width * image.height > max_pixels:
        raise PictureError(
            f"{name} has {image.width}×{image.height} pixels, more than the limit of {max_pixels:,}. "
            "Send a smaller picture."
        )
    try:
        frames = still.frames()
    except Exception as error:
        raise PictureError(f"{name} is damaged or cut short: {error}.") from error
    if frames > 1:
        raise PictureError(
            f"{name} is animated or has several pages ({frames}). Send one of them alone."
        )
    if image.width * image.height > max_pixels:  # another page than the first
        raise PictureError(f"{name} has too many pixels. Send a smaller picture.")


def _upright(plane: Pixels, orientation: int) -> Pixels:
    """Apply EXIF orientation 1 to 8 to (H, W) or (H, W, 3): a transposition, then flips."""
    if orientation in SIDEWAYS:
        plane = plane.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        plane = plane[:, ::-1]
    if orientation in (3, 4, 7, 8):
        plane = plane[::-1]
    return np.ascontiguousarray(plane)


def resize_picture(picture: Picture, long_side: int) -> Picture:
    """Resize to a longer side of `long_side` pixels (at least 1) with Lanczos.

    The aspect ratio stays.
    """
    if long_side < 1:
        raise PictureError(f"A size is at least 1 pixel; got {long_side}.")
    scale = long_side / max(picture.width, picture.height)
    return resize_exactly(
        picture, max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    )


def resize_exactly(picture: Picture, width: int, height: int) -> Picture:
    """Resize to `width` × `height` with Lanczos; returns `picture` itself if it has that size."""
    if (width, height) == (picture.width, picture.height):
        return picture
    if picture.alpha is None:
        return Picture(_lanczos(picture.pixels, width, height), None, picture.format)
    # Pillow weights RGBA by alpha, so that the colours of transparent pixels do not bleed into edges.
    rgba = np.array(_image(picture).resize((width, height), Image.Resampling.LANCZOS))
    return Picture(np.ascontiguousarray(rgba[..., :3]), rgba[..., 3].copy(), picture.format)


def _lanczos(pixels: Pixels, width: int, height: int) -> Pixels:
    """Lanczos resampling by torch's uint8 kernels: within 2 levels of Pillow, five times as fast."""
    image = torch.tensor(pixels).permute(2, 0, 1)[None]
    try:
        resized = functional.interpolate(image, (height, width), mode="lanczos", antialias=True)
    except (NotImplementedError, ValueError):  # an older torch
        lanczos = Image.Resampling.LANCZOS
        return np.array(Image.fromarray(pixels).resize((width, height), lanczos))
    return resized[0].permute(1, 2, 0).contiguous().numpy()


def encode_picture(
    picture: Picture,
    format: PictureFormat = "png",
    quality: int = 92,
    settings: Mapping[str, Any] | None = None,
) -> bytes:
    """Encode a picture with an sRGB profile. `quality` (1 to 100) applies to JPEG and WebP.

    `settings`, if given, are recorded in the file; there is no other metadata. PNG compression is
    light: strong compression would take longer than the network. JPEG has no transparency: the picture
    is composited on white. Raises `PictureError`.
    """
    if format not in SUFFIXES:
        raise PictureError(f"There is no output format {format!r}; there are {', '.join(SUFFIXES)}.")
    if not 1 <= quality <= 100:
        raise PictureError(f"The quality goes from 1 to 100; got {quality}.")
    longest = _MAX_SIDE.get(format)
    if longest is not None and max(picture.width, picture.height) > longest:
        raise PictureError(f"A {format} picture has at most {longest:,} pixels a side. Ask for png.")
    image = _image(picture)
    options: dict[str, Any]
    if format == "png":
        options = {"compress_level": 1, "compress_type": PNG_COMPRESS_TYPE}
    elif format == "jpeg":
        image = _image(laid_on_white(picture))
        options = {"quality": quality, "subsampling": "4:4:4"}
    else:
        options = {"quality": quality, "method": 2}
    buffer = BytesIO()
    image.save(buffer, format, **options, **save_options(format, settings))
    return buffer.getvalue()


def laid_on_white(picture: Picture) -> Picture:
    """Composite a picture on white; returns `picture` itself if it is opaque."""
    if picture.alpha is None:
        return picture
    image = _image(picture)
    white = Image.new("RGBA", image.size, "white")
    return Picture(np.array(Image.alpha_composite(white, image).convert("RGB")), None, picture.format)


def _image(picture: Picture) -> Image.Image:
    if picture.alpha is None:
        return Image.fromarray(picture.pixels)
    return Image.fromarray(np.dstack((picture.pixels, picture.alpha)))


def to_tensor(pixels: Pixels) -> Tensor:
    """(H, W, 3) uint8 → (1, 3, H, W) float in [0, 1]."""
    return torch.tensor(pixels).permute(2, 0, 1)[None].float().div_(255)


def to_pixels(image: Tensor) -> Pixels:
    """(1, 3, H, W) float → (H, W, 3) uint8: clamped to [0, 1] and rounded half up.

    The exact inverse of `to_tensor`.
    """
    levels = image.detach()[0].permute(1, 2, 0).clamp(0, 1).mul_(255).add_(0.5).to(torch.uint8)
    pixels: Pixels = levels.cpu().contiguous().numpy()
    return pixels
