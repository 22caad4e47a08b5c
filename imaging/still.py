"""Decoding of still picture files: the same for upload check, thumbnails, rendering and training."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from types import TracebackType

from PIL import Image, ImageChops, UnidentifiedImageError

from imaging.color_space import color_profile
from imaging.formats import DECODERS
from imaging.heif import is_heif, open_heif
from imaging.metadata import (
    BrokenFileError,
    UnknownSamplesError,
    picture_format,
    png_chunks,
    read_orientation,
    strip_metadata,
)
from imaging.srgb import to_srgb
from imaging.tiff_samples import complete_table, correct_tiles

_ORIENTATION = 0x0112
#: zlib strategy Z_RLE: on photographs faster than level 1 alone, and as small.
PNG_COMPRESS_TYPE = 3
#: Formats of which the first or primary picture is read.
_SEQUENCES = ("HEIF", "AVIF")
#: Smallest size of a JPEG that is decoded reduced, relative to the size it is resized to: above it the
#: difference is invisible.
_REDUCED_MARGIN = 1.5
#: Exif orientations that exchange width and height.
SIDEWAYS = (5, 6, 7, 8)
#: TIFF: NewSubfileType with its bits for reduced copies and masks; SubfileType of old writers.
_NEW_SUBFILE_TYPE, _REDUCED_OR_MASK = 254, 0b101
_SUBFILE_TYPE, _REDUCED = 255, 2


@dataclass
class StillFile:
    """An open picture file.

    `image` is Pillow's, not yet loaded; `data` the bytes that hold its colours.
    """

    image: Image.Image
    data: bytes
    orientation: int | None
    #: A JPEG without an end marker.
    endless: bool = False

    def close(self) -> None:
        """Close the file."""
        self.image.close()

    def __enter__(self) -> StillFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def frames(self) -> int:
        """Number of pictures in the file; reduced copies and masks of a TIFF do not count.

        Of HEIC and AVIF the first or primary picture is taken: phones write bursts and moving photos.

        The image is then at the only page that counts, if it is one.
        """
        if self.image.format in _SEQUENCES:
            return 1
        count = int(getattr(self.image, "n_frames", 1))
        if count == 1 or self.image.format != "TIFF":
            return count
        pages = [page for page in range(count) if not self._is_copy(page)]
        self.image.seek(pages[0] if pages else 0)
        return max(1, len(pages))

    def _is_copy(self, page: int) -> bool:
        self.image.seek(page)
        tags = self.image.tag_v2  # type: ignore[attr-defined]
        return bool(
            tags.get(_NEW_SUBFILE_TYPE, 0) & _REDUCED_OR_MASK or tags.get(_SUBFILE_TYPE) == _REDUCED
        )

    def load(self) -> None:
        """Decode the pixels. Raises the errors of Pillow's decoders, and `BrokenFileError`."""
        if self.endless:
            _check_jpeg_without_end(self.data)
        if self.image.format == "TIFF":
            correct_tiles(self.image)
        try:
            self.image.load()
        except (RuntimeError, ValueError, EOFError) as error:
            if self.image.format == "HEIF":  # errors of libheif have several lines
                raise BrokenFileError("its pixels can't be decoded") from error
            raise

    def srgb(self) -> tuple[Image.Image, Image.Image | None]:
        """Pixels in sRGB (mode RGB) and alpha (mode L, None if opaque), not rotated."""
        if self.image.format == "PNG":
            self._scale_transparency()
        return to_srgb(self.image, color_profile(self.image, self.data))

    def _scale_transparency(self) -> None:
        """TRNS holds a sample of the file's bit depth; Pillow's pixels have 8 bits, or 16 if grey.

        Higher bits of it are ignored (PNG, third edition, section 11.3.1.1).
        """
        depth, clear = self.data[24], self.image.info.get("transparency")
        top = 2**depth - 1
        if self.image.mode in ("1", "L") and isinstance(clear, int):
            self.image.info["transparency"] = (clear & top) * 255 // top
        elif self.image.mode == "RGB" and isinstance(clear, tuple):
            key = tuple(value & top for value in clear)
            if depth == 16:
                del self.image.info["transparency"]
                self.image.putalpha(self._unlike(key))
            else:
                self.image.info["transparency"] = key

    def _unlike(self, key: tuple[int, ...]) -> Image.Image:
        """A mask of the pixels of an RGB PNG of 16 bits that differ from `key` in any bit."""
        same = _equal(self.image, [value >> 8 for value in key])
        with Image.open(io.BytesIO(_png_without_colors(self.data)), formats=["PNG"]) as low:
            # Read as little-endian samples, the high bytes are the low ones of the file.
            low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]
            low.load()
            same = ImageChops.darker(same, _equal(low, [value & 255 for value in key]))
        return ImageChops.invert(same)

    def upright_srgb(self) -> tuple[Image.Image, Image.Image | None]:
        """As `srgb`, upright."""
        picture, alpha = self.srgb()
        orientation = self.upright()
        turned = None if alpha is None else upright_image(alpha, orientation)
        return upright_image(picture, orientation), turned

    def reduction(self, long_side: int | None) -> int:
        """The factor (1, 2, 4 or 8) by which the picture may be decoded smaller before resizing.

        Only a JPEG can be. Its longer side then has at least 1.5 times `long_side` pixels (None: as
        many as the file).
        """
        if long_side is None or self.image.format != "JPEG":
            return 1
        scale = _REDUCED_MARGIN * long_side / max(self.image.size)
        spare = min(side // max(1, round(side * scale)) for side in self.image.size)
        return max(factor for factor in (1, 2, 4, 8) if factor <= max(1, spare))

    def reduce(self, factor: int) -> None:
        """Let a JPEG that is not loaded yet be decoded at 1/`factor` of its size."""
        width, height = self.image.size
        self.image.draft(None, (max(1, width // factor), max(1, height // factor)))

    def upright(self) -> int:
        """Exif orientation of the loaded image, 1 to 8."""
        if self.orientation is not None:
            return self.orientation
        # Read after loading: Pillow rotates a TIFF itself and drops the tag.
        with suppress(Exception):  # damaged metadata does not make the picture unusable
            value = self.image.getexif().get(_ORIENTATION, 1)
            return value if value in range(1, 9) else 1
        return 1


#: Exif orientation → what makes a picture upright.
_TRANSPOSITIONS = dict(enumerate((
    Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
), start=2))  # fmt: skip


def upright_image(image: Image.Image, orientation: int) -> Image.Image:
    """`image` rotated and flipped by an Exif orientation, 1 to 8."""
    method = _TRANSPOSITIONS.get(orientation)
    return image if method is None else image.transpose(method)


def png_bytes(picture: Image.Image, alpha: Image.Image | None) -> bytes:
    """A picture (mode RGB) and its alpha (mode L) as PNG, without metadata."""
    if alpha is not None:
        picture = picture.copy()
        picture.putalpha(alpha)
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1, compress_type=PNG_COMPRESS_TYPE)
    return out.getvalue()


def open_still(data: bytes, formats: tuple[str, ...] = DECODERS) -> StillFile:
    """Open a picture file of one of `formats`, names of `imaging.formats.DECODERS`.

    JPEG, PNG and WebP are opened without their metadata, which can't make a picture unreadable then.
    Raises `BrokenFileError`, `UnknownSamplesError`, and the errors of `PIL.Image.open`.
    """
    format_ = picture_format(data)
    if format_ is None or format_ not in formats:
        return _open_other(data, formats)
    orientation = read_orientation(data, format_)
    clean = strip_metadata(data, format_)
    decoded = _png_without_colors(clean) if format_ == "PNG" else clean
    image = Image.open(io.BytesIO(decoded), formats=[format_])
    endless = format_ == "JPEG" and data.endswith(clean[-34:-2])
    return StillFile(image, clean, orientation, endless)


def _open_other(data: bytes, formats: tuple[str, ...]) -> StillFile:
    if "HEIF" in formats and is_heif(data[:12]):
        try:
            image = Image.open(io.BytesIO(data), formats=["AVIF"])  # a HEIF file may hold AVIF
        except UnidentifiedImageError:
            return StillFile(open_heif(data), data, 1)  # libheif rotates the pixels itself
        return StillFile(image, data, None)
    complete_table()
    # TGA has no signature at its beginning, so that any bytes might pass; version 2 has one at its end.
    able = [name for name in formats if name != "TGA" or data.endswith(_TGA_SIGNATURE)]
    try:
        image = Image.open(io.BytesIO(data), formats=[name for name in able if name != "HEIF"])
    except UnidentifiedImageError:
        if data[:4] in _TIFF_SIGNATURES:
            raise UnknownSamplesError("a TIFF of a kind that can't be read") from None
        raise
    return StillFile(image, data, None)


_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TGA_SIGNATURE = b"TRUEVISION-XFILE.\0"


def _png_without_colors(data: bytes) -> bytes:
    """Only chunks of pixels: Pillow refuses a file for a long profile."""
    kept = (chunk for kind, _, chunk in png_chunks(data) if kind[0] & 0x20 == 0 or kind in _PIXELS)
    return data[:8] + b"".join(kept)


def _equal(image: Image.Image, color: Sequence[int]) -> Image.Image:
    """255 where all channels of an image equal `color`, else 0."""
    planes = [
        plane.point([255 * (level == value) for level in range(256)])
        for plane, value in zip(image.split(), color, strict=True)
    ]
    return reduce(ImageChops.darker, planes)


_PIXELS = (b"tRNS", b"acTL", b"fcTL", b"fdAT")


def _check_jpeg_without_end(data: bytes) -> None:
    """Raise `BrokenFileError` if `data`, a JPEG to which an end marker was added, lacks pixels.

    Some writers omit the marker. Pixels are complete if further coded data behind the end changes none:
    a decoder takes no more than it needs.
    """
    coded = data.removesuffix(b"\xff\xd9")
    seen = set()
    for tail in (b"", b"\x5a\x33" * 64):
        with Image.open(io.BytesIO(coded + tail + b"\xff\xd9"), formats=["JPEG"]) as image:
            seen.add(hashlib.sha256(image.tobytes()).digest())
    if len(seen) > 1:
        raise BrokenFileError("its end is missing")
