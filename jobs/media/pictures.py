"""Validation of uploaded pictures: format, size, and complete decoding."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import ceil

from PIL import Image

from imaging.formats import FORMAT_NAMES, STORED_MEDIA_TYPES
from imaging.metadata import (
    BrokenFileError,
    UnknownSamplesError,
    picture_format,
    strip_metadata,
)
from imaging.still import SIDEWAYS, StillFile, open_still, png_bytes
from jobs.errors import (
    JobsError,
    PictureTooLargeError,
    UnsupportedPictureError,
    UnusablePictureError,
)
from jobs.media.decoded_photos import (
    MAX_PHOTO_BYTES,
    PixelLayout,
    StagedPhoto,
    WorkerSize,
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
    #: Pixels for a worker, if they were asked for and are few enough.
    pixels: DecodedPixels | None = None


@dataclass(frozen=True, kw_only=True)
class DecodedPixels:
    """Pixels of the stored file as a worker would decode them: RGB, then alpha if there is any."""

    layout: PixelLayout
    planes: Sequence[bytes]


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """A complete file without metadata, and its SHA-256; of a photo perhaps its pixels."""

    data: bytes
    sha256: str
    info: PictureInfo
    photo: StagedPhoto | None = None


def clean_picture(
    data: bytes,
    *,
    name: str,
    max_pixels: int,
    pointer: str | None = None,
    worker_size: WorkerSize | None = None,
) -> CleanPicture:
    """Check that a picture decodes completely, and remove its metadata.

    JPEG, PNG and WebP stay as they are otherwise. Other formats of `imaging.formats` become PNG:
    upright, sRGB, 8 bits. With `worker_size`, the pixels are returned too. Raises the errors of
    `inspect_picture`.
    """
    with _loaded(data, name, max_pixels, pointer, worker_size) as loaded:
        still, info, pixels = loaded.still, loaded.info, None
        format_ = picture_format(data)
        if format_ is None:
            picture, alpha = still.upright_srgb()
            if loaded.is_for_worker:
                pixels = _pixels("PNG", picture, alpha)
            return CleanPicture(data=png_bytes(picture, alpha), info=info, pixels=pixels)
        if loaded.is_for_worker:
            with suppress(Exception):  # the worker then finds the same error, and the job fails of it
                pixels = _pixels(format_, *still.upright_srgb())
    orientation, clean = still.orientation or 1, still.data
    if orientation != 1:
        clean = strip_metadata(data, format_, orientation)
    return CleanPicture(data=clean, info=info, pixels=pixels)


def _pixels(format_: str, picture: Image.Image, alpha: Image.Image | None) -> DecodedPixels:
    layout = PixelLayout(
        format=format_, width=picture.width, height=picture.height, has_alpha=alpha is not None
    )
    planes = [picture.tobytes()] if alpha is None else [picture.tobytes(), alpha.tobytes()]
    return DecodedPixels(layout=layout, planes=planes)


def inspect_picture(
    data: bytes, *, name: str, max_pixels: int, pointer: str | None = None
) -> PictureInfo:
    """Check that `data` is one complete still picture of at most `max_pixels`.

    The result is that of the file that `clean_picture` gives. Errors call the picture `name` and point
    to the form field `pointer`. Raises `UnsupportedPictureError`, `PictureTooLargeError` or
    `UnusablePictureError`.
    """
    with _loaded(data, name, max_pixels, pointer, None) as loaded:
        return loaded.info


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    still: StillFile
    info: PictureInfo
    #: Whether the pixels have the size that a worker needs, and are few enough to be handed over.
    is_for_worker: bool


@contextmanager
def _loaded(
    data: bytes, name: str, max_pixels: int, pointer: str | None, worker_size: WorkerSize | None
) -> Iterator[_Loaded]:
    """An open picture whose pixels were decoded within the limits."""
    if not data:
        raise UnusablePictureError(f"{name} is empty (0 bytes).", pointer=pointer)
    with warnings.catch_warnings():
        # Our own limit is checked below, before anything is decoded.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with _opened(data, name, max_pixels, pointer) as still:
            try:
                yield _load(still, name, max_pixels, pointer, worker_size)
            except (JobsError, MemoryError):
                raise
            except Exception as error:
                raise UnusablePictureError(
                    f"{name} is damaged and can't be decoded: {str(error).rstrip('.')}.",
                    pointer=pointer,
                ) from None


def _load(
    still: StillFile, name: str, max_pixels: int, pointer: str | None, worker_size: WorkerSize | None
) -> _Loaded:
    image = still.image
    frames = still.frames()
    _check_size(image.size, name, max_pixels, pointer)  # of the page that counts
    if frames > 1:
        raise UnsupportedPictureError(
            f"{name} is animated or has several pages ({frames}); send a still picture.",
            pointer=pointer,
        )
    size = image.size
    is_for_worker = worker_size is not None and _is_small(still, worker_size)
    if image.format == "JPEG":
        # It is still read to its end, but full-size pixels are not computed: half the time.
        still.reduce(still.reduction(worker_size.long_side) if worker_size and is_for_worker else 8)
        still.load()
    else:
        still.load()
        size = image.size
        _check_size(size, name, max_pixels, pointer)  # HEIF may state another size than it has
    media_type = STORED_MEDIA_TYPES.get(image.format or "", STORED_MEDIA_TYPES["PNG"])
    width, height = size[::-1] if still.upright() in SIDEWAYS else size
    info = PictureInfo(media_type=media_type, width=width, height=height)
    return _Loaded(still=still, info=info, is_for_worker=is_for_worker)


def _is_small(still: StillFile, worker_size: WorkerSize) -> bool:
    """Whether the pixels of a picture that is not loaded are few enough to be handed over."""
    factor = still.reduction(worker_size.long_side)
    width, height = still.image.size
    return 3 * ceil(width / factor) * ceil(height / factor) <= MAX_PHOTO_BYTES


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
