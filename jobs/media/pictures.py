"""Uploaded pictures, checked at the door: what they are, and that they can be decoded whole."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image

from jobs.errors import (
    PictureTooLargeError,
    UnsupportedPictureError,
    UnusablePictureError,
)
from jobs.media.metadata import ORIENTATION, BrokenFileError, picture_format, strip_metadata

#: Pillow's name of a format → media type. The only formats that are ever decoded.
FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
#: The other way round, for file names.
SUFFIXES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "application/vnd.safetensors": "safetensors",
    "application/zip": "zip",
    "image/gif": "gif",
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
    """What a picture is, before orientation is applied. Sides in pixels; None for other files."""

    media_type: str
    width: int | None
    height: int | None


@dataclass(frozen=True, kw_only=True)
class CleanPicture:
    """A whole picture without metadata: what is kept, served and worked on."""

    data: bytes
    info: PictureInfo


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """A file that is whole and without metadata, by its SHA-256."""

    data: bytes
    sha256: str
    info: PictureInfo


def clean_picture(
    data: bytes, *, name: str, max_pixels: int, pointer: str | None = None
) -> CleanPicture:
    """The picture without its metadata, bit for bit the same in its pixels, once it was decoded whole.

    Raises what `inspect_picture` raises.
    """
    format_ = picture_format(data)
    if format_ is not None:
        try:
            data = strip_metadata(data, format_, _orientation(data, format_))
        except BrokenFileError as error:
            raise UnusablePictureError(
                f"{name} is damaged and can't be decoded: {error}.", pointer=pointer
            ) from None
    info = inspect_picture(data, name=name, max_pixels=max_pixels, pointer=pointer)
    return CleanPicture(data=data, info=info)


def _orientation(data: bytes, format_: str) -> int:
    """Which way up the photo was taken: 1 to 8, Exif's way; 1 where nothing usable says so."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=[format_]) as image:
                value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # as in `inspect_picture`, which says so in words
        return 1
    return value if isinstance(value, int) else 1


def inspect_picture(
    data: bytes, *, name: str, max_pixels: int, pointer: str | None = None
) -> PictureInfo:
    """Check that `data` is one whole JPEG, PNG or WebP picture of at most `max_pixels`.

    `name` is what to call it in errors, `pointer` the field that it came in. Raises
    `UnsupportedPictureError`, `PictureTooLargeError` or `UnusablePictureError`.
    """
    if not data:
        raise UnusablePictureError(f"{name} is empty (0 bytes).", pointer=pointer)
    with warnings.catch_warnings():
        # The limit below is ours, and is checked before anything is decoded.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(data), formats=tuple(FORMATS))
        except Image.DecompressionBombError:
            raise _too_large(name, max_pixels, pointer) from None
        except MemoryError:
            raise
        except Exception:
            # Pillow's readers raise many kinds of error on hostile bytes; all mean the same here.
            raise UnsupportedPictureError(
                f"{name} is not a JPEG, PNG or WebP picture.", pointer=pointer
            ) from None
        with image:
            if image.width * image.height > max_pixels:
                raise _too_large(name, max_pixels, pointer, image.size)
            frames = getattr(image, "n_frames", 1)
            if frames > 1:
                raise UnsupportedPictureError(
                    f"{name} is animated ({frames} frames); send a still picture.", pointer=pointer
                )
            width, height = image.size
            # A JPEG is read to its end all the same, and its pixels are not made: half the time.
            image.draft(None, (width // 8, height // 8))
            try:
                image.load()
            except MemoryError:
                raise
            except Exception as error:
                raise UnusablePictureError(
                    f"{name} is damaged and can't be decoded: {str(error).rstrip('.')}.",
                    pointer=pointer,
                ) from None
            return PictureInfo(media_type=FORMATS[image.format or ""], width=width, height=height)


def _too_large(
    name: str, max_pixels: int, pointer: str | None, size: tuple[int, int] | None = None
) -> PictureTooLargeError:
    shown = f" ({size[0]}×{size[1]})" if size else ""
    megapixels = max_pixels // 1_000_000
    return PictureTooLargeError(
        f"{name} has too many pixels{shown}; at most {megapixels} megapixels are taken.",
        pointer=pointer,
    )


@dataclass(frozen=True, kw_only=True)
class Upload:
    """Bytes that came with a request. `name` is what to call them in errors, and nothing else."""

    data: bytes
    field: str
    name: str


@dataclass(frozen=True, kw_only=True)
class KeptPicture:
    """A picture that was checked and stored before, and may be used."""

    sha256: str
