"""Validation of uploaded pictures: format, size, and complete decoding."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from imaging.formats import FORMAT_NAMES, STORED_MEDIA_TYPES
from imaging.metadata import (
    BrokenFileError,
    UnknownSamplesError,
    picture_format,
    read_orientation,
    strip_metadata,
)
from imaging.still import SIDEWAYS, StillFile, open_still
from jobs.errors import (
    JobsError,
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
    "application/vnd.atelier.executorch": "pte",
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

_ADVICE = "Save it with 8 or 16 bits a channel."


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
    """Check that a picture decodes completely, and remove its metadata.

    JPEG, PNG and WebP stay as they are otherwise. Other formats of `imaging.formats` become PNG:
    upright, sRGB, 8 bits. Raises the errors of `inspect_picture`.
    """
    with _loaded(data, name, max_pixels, pointer) as (still, info):
        format_ = picture_format(data)
        if format_ is None:
            return CleanPicture(data=still.png(), info=info)
    return CleanPicture(data=strip_metadata(data, format_, read_orientation(data, format_)), info=info)


def inspect_picture(
    data: bytes, *, name: str, max_pixels: int, pointer: str | None = None
) -> PictureInfo:
    """Check that `data` is one complete still picture of at most `max_pixels`.

    The result is that of the file that `clean_picture` gives. Errors call the picture `name` and point
    to the form field `pointer`. Raises `UnsupportedPictureError`, `PictureTooLargeError` or
    `UnusablePictureError`.
    """
    with _loaded(data, name, max_pixels, pointer) as (_, info):
        return info


@contextmanager
def _loaded(
    data: bytes, name: str, max_pixels: int, pointer: str | None
) -> Iterator[tuple[StillFile, PictureInfo]]:
    """An open picture whose pixels were decoded within the limits; those of a JPEG at an eighth."""
    if not data:
        raise UnusablePictureError(f"{name} is empty (0 bytes).", pointer=pointer)
    with warnings.catch_warnings():
        # Our own limit is checked below, before anything is decoded.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with _opened(data, name, max_pixels, pointer) as still:
            try:
                yield still, _load(still, name, max_pixels, pointer)
            except (JobsError, MemoryError):
                raise
            except Exception as error:
                raise UnusablePictureError(
                    f"{name} is damaged and can't be decoded: {str(error).rstrip('.')}.",
                    pointer=pointer,
                ) from None


def _load(still: StillFile, name: str, max_pixels: int, pointer: str | None) -> PictureInfo:
    image = still.image
    frames = still.frames()
    _check_size(image.size, name, max_pixels, pointer)  # of the page that counts
    if frames > 1:
        raise UnsupportedPictureError(
            f"{name} is animated or has several pages ({frames}); send a still picture.",
            pointer=pointer,
        )
    size = image.size
    if image.format == "JPEG":
        # It is still read to its end, but full-size pixels are not computed: half the time.
        image.draft(None, (size[0] // 8, size[1] // 8))
        still.load()
    else:
        still.load()
        size = image.size
        _check_size(size, name, max_pixels, pointer)  # HEIF may state another size than it has
    media_type = STORED_MEDIA_TYPES.get(image.format or "", STORED_MEDIA_TYPES["PNG"])
    width, height = size[::-1] if still.upright() in SIDEWAYS else size
    return PictureInfo(media_type=media_type, width=width, height=height)


def _check_size(size: tuple[int, int], name: str, max_pixels: int, pointer: str | None) -> None:
    if size[0] * size[1] > max_pixels:
        raise _too_large(name, max_pixels, pointer, size)


def _opened(data: bytes, name: str, max_pixels: int, pointer: str | None) -> StillFile:
    try:
        return open_still(data)
    except Image.DecompressionBombError:
        raise _too_large(name, max_pixels, pointer) from None
    except MemoryError:
        raise
    except BrokenFileError as error:
        raise UnusablePictureError(
            f"{name} is damaged and can't be decoded: {error}.", pointer=pointer
        ) from None
    except UnknownSamplesError as error:
        raise UnsupportedPictureError(f"{name} is {error}. {_ADVICE}", pointer=pointer) from None
    except Exception:
        # Pillow's readers raise many kinds of error on hostile bytes; all mean an unknown format.
        raise UnsupportedPictureError(
            f"{name} is not a {FORMAT_NAMES} picture.", pointer=pointer
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
