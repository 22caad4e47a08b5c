"""Pictures: read from any common file, resize, turn into tensors and back, write."""

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

from nst_core.images.save_options import save_options
from nst_core.images.srgb import to_srgb

Pixels = npt.NDArray[np.uint8]
PictureFormat = Literal["png", "jpeg", "webp"]

#: Decoders that may run. Others that Pillow knows start programs (EPS) or hold no single picture.
READABLE = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "TGA", "JPEG2000", "AVIF")
#: The usual file suffix of each format that is written.
SUFFIXES: dict[PictureFormat, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}

#: Decoded at so many times the target, a JPEG differs by less than can be seen from one decoded whole.
_ENOUGH = 1.5
#: zlib's run-length strategy: on painted pictures it is quicker than its first level, and smaller too.
_RUN_LENGTHS = 3
_LONGEST_SIDE = {"jpeg": 65_535, "webp": 16_383}
_ORIENTATION = 0x0112


class PictureError(ValueError):
    """A file is not a picture we can use, or a picture can't be written as asked."""


@dataclass(frozen=True, eq=False)
class Picture:
    """`pixels` (H, W, 3) and `alpha` (H, W) or None, both uint8; colours are sRGB.

    `alpha` is None where the picture is opaque. `format` is the file's, such as "JPEG".
    """

    pixels: Pixels
    alpha: Pixels | None = None
    format: str = "PNG"

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])


def read_picture(
    source: bytes | Path, *, max_pixels: int = 40_000_000, target_long_side: int | None = None
) -> Picture:
    """Read a file or its bytes: upright (EXIF), in sRGB (ICC), 8 bits, with its alpha.

    `target_long_side` says that the picture will be resized to that; a large JPEG is then decoded at
    half, a quarter or an eighth of its size, never below 1.5 times the target. Raises `PictureError` if
    it has more than `max_pixels` (before decoding), is animated, is cut short, or is no picture.
    """
    name = source.name if isinstance(source, Path) else "The file"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow about metadata that nothing here uses
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with _open(source, name) as image:
            _check(image, name, max_pixels)
            if target_long_side is not None and image.format in ("JPEG", "MPO"):
                scale = _ENOUGH * target_long_side / max(image.size)
                width, height = round(image.width * scale), round(image.height * scale)
                image.draft(None, (max(1, width), max(1, height)))
            try:
                image.load()
                pixels, alpha = to_srgb(image)
            except Exception as error:  # Pillow's decoders raise whatever a broken file leads them to
                raise PictureError(f"{name} is damaged or cut short: {error}.") from error
            turn = _orientation(image)
            pixels = _upright(pixels, turn)
            alpha = None if alpha is None else _upright(alpha, turn)
            # Phones store a second picture beside the first and call the file MPO; it is a JPEG.
            return Picture(pixels, alpha, "JPEG" if image.format == "MPO" else str(image.format))


def _open(source: bytes | Path, name: str) -> Image.Image:
    try:
        return Image.open(BytesIO(source) if isinstance(source, bytes) else source, formats=READABLE)
    except FileNotFoundError:
        raise PictureError(f"There is no file {source!s}.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(f"{name} has too many pixels. Send a smaller picture.") from None
    except Exception as error:
        raise PictureError(f"{name} is not a picture (JPEG, PNG, WebP, TIFF, GIF, BMP).") from error


def _check(image: Image.Image, name: str, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise PictureError(
            f"{name} has {image.width}×{image.height} pixels, more than the limit of {max_pixels:,}. "
            "Send a smaller picture."
        )
    try:
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    except Exception as error:
        raise PictureError(f"{name} is damaged or cut short: {error}.") from error
    if frames > 1:
        raise PictureError(
            f"{name} is animated or has several pages ({frames}). Send one of them alone."
        )


def _orientation(image: Image.Image) -> int:
    # After loading: a PNG may tell it at its end; Pillow turns a TIFF itself and then drops the tag.
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged metadata is no reason to refuse a sound picture
        return 1


def _upright(plane: Pixels, orientation: int) -> Pixels:
    """Undo EXIF orientation 1 to 8 of (H, W) or (H, W, 3): a transposition, then mirrors."""
    if orientation in (5, 6, 7, 8):
        plane = plane.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        plane = plane[:, ::-1]
    if orientation in (3, 4, 7, 8):
        plane = plane[::-1]
    return np.ascontiguousarray(plane)


def resize_picture(picture: Picture, long_side: int) -> Picture:
    """`picture` with its longer side `long_side` pixels (at least 1), Lanczos, aspect kept."""
    if long_side < 1:
        raise PictureError(f"A size is at least 1 pixel; got {long_side}.")
    scale = long_side / max(picture.width, picture.height)
    return resize_exactly(
        picture, max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    )


def resize_exactly(picture: Picture, width: int, height: int) -> Picture:
    """`picture` at `width` × `height`; the same object where that is its size."""
    if (width, height) == (picture.width, picture.height):
        return picture
    if picture.alpha is None:
        return Picture(_shrunk_or_grown(picture.pixels, width, height), None, picture.format)
    # Pillow weighs RGBA by its alpha, so that hidden colours do not bleed into the edges.
    rgba = np.array(_image(picture).resize((width, height), Image.Resampling.LANCZOS))
    return Picture(np.ascontiguousarray(rgba[..., :3]), rgba[..., 3].copy(), picture.format)


def _shrunk_or_grown(pixels: Pixels, width: int, height: int) -> Pixels:
    """Lanczos with torch's integer kernels: within 2 levels of Pillow's, in a fifth of the time."""
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
    """The bytes of a file, marked as sRGB. `quality` (1 to 100) is JPEG's and WebP's.

    `settings`, if given, are recorded in it; there is no other metadata.
    PNG is compressed lightly, since strong compression would take longer than the network. JPEG knows
    no transparency: such a picture is laid on white. Raises `PictureError`.
    """
    if format not in SUFFIXES:
        raise PictureError(f"There is no output format {format!r}; there are {', '.join(SUFFIXES)}.")
    if not 1 <= quality <= 100:
        raise PictureError(f"The quality goes from 1 to 100; got {quality}.")
    longest = _LONGEST_SIDE.get(format)
    if longest is not None and max(picture.width, picture.height) > longest:
        raise PictureError(f"A {format} picture has at most {longest:,} pixels a side. Ask for png.")
    image = _image(picture)
    options: dict[str, Any]
    if format == "png":
        options = {"compress_level": 1, "compress_type": _RUN_LENGTHS}
    elif format == "jpeg":
        if image.mode == "RGBA":
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
        options = {"quality": quality, "subsampling": "4:4:4"}
    else:
        options = {"quality": quality, "method": 2}
    buffer = BytesIO()
    image.save(buffer, format, **options, **save_options(format, settings))
    return buffer.getvalue()


def _image(picture: Picture) -> Image.Image:
    if picture.alpha is None:
        return Image.fromarray(picture.pixels)
    return Image.fromarray(np.dstack((picture.pixels, picture.alpha)))


def to_tensor(pixels: Pixels) -> Tensor:
    """(H, W, 3) uint8 → (1, 3, H, W) float in [0, 1]."""
    return torch.tensor(pixels).permute(2, 0, 1)[None].float().div_(255)


def to_pixels(image: Tensor) -> Pixels:
    """(1, 3, H, W) float → (H, W, 3) uint8: clamped to [0, 1] and rounded, halves up.

    Undoes `to_tensor` exactly.
    """
    levels = image.detach()[0].permute(1, 2, 0).clamp(0, 1).mul_(255).add_(0.5).to(torch.uint8)
    pixels: Pixels = levels.cpu().contiguous().numpy()
    return pixels
