"""Validation of uploaded pictures: format, size, and complete decoding."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from PIL import Image

from imaging.metadata import BrokenFileError, picture_format, read_orientation, strip_metadata
from imaging.still import SIDEWAYS, StillFile, open_still
from jobs.errors import (
    PictureTooLargeError,
    UnsupportedPictureError,
    UnusablePictureError,
)

#: Pillow's name of a format → media type. No other format is ever decoded.
FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
#: Media type → file suffix.
SUFFIXES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "application/vnd.safetensors": "safetensors",
    "application/zip": "zip",
    "image/gif": "gif",
    "image/apng": "apng",
    "application/vnd.atelier.onnx": "onnx",
    "application/vnd.atelier.torchscript": "pt",
    "application/vnd.atelier.torch-export": "pt2",
    "video/mp2t": "ts",
    "video/mp4": "mp4",
    "video/mpeg": "mpg",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/x-matroska": "mkv",
    "video/x-ms-wmv": "wmv",
    "video/x-msvideo": "avi",
}


@dataclass(frozen=True, kw_only=True)
class PictureInfo:
    """Media type and size in pixels, upright as shown; sizes are None for other files."""

    media_type: str
    width: int | None
    height: int | None


@dataclass(frozen=True, kw_only=True)
class CleanPicture:
    """A complete picture without metadata: the bytes that are stored, served and processed."""

    data: bytes
    info: PictureInfo


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """A complete file without metadata, and its SHA-256."""

    data: bytes
    sha256: str
    info: PictureInfo


def clean_picture(
    data: bytes, *, name: str, max_pixels: int, pointer: str | None = None
) -> CleanPicture:
    """Remove metadata losslessly and check that the picture decodes completely.

    Raises the errors of `inspect_picture`.
    """
    info = inspect_picture(data, name=name, max_pixels=max_pixels, pointer=pointer)
    format_ = picture_format(data)
    if format_ is not None:
        data = strip_metadata(data, format_, read_orientation(data, format_))
    return CleanPicture(data=data, info=info)


def inspect_picture(
    data: bytes, *, name: str, max_pixels: int, pointer: str | None = None
) -> PictureInfo:
    """Check that `data` is one complete JPEG, PNG or WebP picture of at most `max_pixels`.

    Errors call it `name` and point to the form field `pointer`. Raises
    `UnsupportedPictureError`, `PictureTooLargeError` or `UnusablePictureError`.
    """
    if not data:
        raise UnusablePictureError(f"{name} is empty (0 bytes).", pointer=pointer)
    with warnings.catch_warnings():
        # Our own limit is checked below, before anything is decoded.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with _opened(data, name, max_pixels, pointer) as still:
            image = still.image
            if image.width * image.height > max_pixels:
                raise _too_large(name, max_pixels, pointer, image.size)
            frames = still.frames()
            if frames > 1:
                raise UnsupportedPictureError(
                    f"{name} is animated ({frames} frames); send a still picture.", pointer=pointer
                )
            width, height = image.size
            # A JPEG is still read to its end, but full-size pixels are not computed: half the time.
            image.draft(None, (width // 8, height // 8))
            try:
                still.load()
            except MemoryError:
                raise
            except Exception as error:
                raise UnusablePictureError(
                    f"{name} is damaged and can't be decoded: {str(error).rstrip('.')}.",
                    pointer=pointer,
                ) from None
            if still.upright() in SIDEWAYS:
                width, height = height, width
            return PictureInfo(media_type=FORMATS[image.format or ""], width=width, height=height)


def _opened(data: bytes, name: str, max_pixels: int, pointer: str | None) -> StillFile:
    try:
        return open_still(data, tuple(FORMATS))
    except Image.DecompressionBombError:
        raise _too_large(name, max_pixels, pointer) from None
    except MemoryError:
        raise
    except BrokenFileError as error:
        raise UnusablePictureError(
            f"{name} is damaged and can't be decoded: {error}.", pointer=pointer
        ) from None
    except Exception:
        # Pillow's readers raise many kinds of error on hostile bytes; all mean an unknown format.
        raise UnsupportedPictureError(
            f"{name} is not a JPEG, PNG or WebP picture.", pointer=pointer
        ) from None


def _too_large(
    name: str, max_pixels: int, pointer: str | None, size: tuple[int, int] | None = None
) -> PictureTooLargeError:
    dimensions = f" ({size[0]}×{size[1]})" if size else ""
    megapixels = max_pixels // 1_000_000
    return PictureTooLargeError(
        f"{name} has too many pixels{dimensions}; at most {megapixels} megapixels are taken.",
        pointer=pointer,
    )


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An uploaded file of a request. `name` is used in error messages only."""

    data: bytes
    field: str
    name: str


@dataclass(frozen=True, kw_only=True)
class StoredPicture:
    """A picture that was validated and stored by an earlier request, by its SHA-256."""

    sha256: str
