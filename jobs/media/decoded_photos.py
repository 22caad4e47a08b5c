"""Pixels of submitted photos: decoded once by the web server, for the workers of the same machine.

A decoder process of the web server has to decode every photo to check it. It does so at the size that
the job needs. The pixels are stored in a private folder until a worker takes them. Where a worker does
not find them, it decodes the stored photo, with the same result.

A file is named by the photo's SHA-256 and the size for which it was decoded. It is written without a
name and named when its job is accepted. Pixels of a photo are read once, and deleted.
"""

from __future__ import annotations

import logging
import os
import stat
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: Age in seconds from which files are deleted: their jobs were canceled, or wait for long.
MAX_AGE_SECONDS = 600.0
#: Most bytes of pixels of one photo: a photo of 12 megapixels for a size of 1024 has 9 MB.
MAX_PHOTO_BYTES = 10_000_000
#: Version of the layout of files, and of the decoding whose result they hold.
VERSION = 1
#: Seconds for which a process relies on its last look at the size of the folder.
_LOOK_SECONDS = 1.0
_FORMATS = ("JPEG", "PNG", "WEBP")
#: Boot of the machine, version, SHA-256, size decoded for, format, alpha, width, height.
_HEADER = struct.Struct("<36sI64sIBBII")
_UNNAMED: int = getattr(os, "O_TMPFILE", 0)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WorkerSize:
    """The longer side in pixels at which a worker needs a photo; None for its own."""

    long_side: int | None


@dataclass(frozen=True, kw_only=True)
class PixelLayout:
    """Size in pixels, upright, and format of a photo; bytes of RGB come first, then those of alpha."""

    format: str
    width: int
    height: int
    has_alpha: bool

    @property
    def rgb_bytes(self) -> int:
        """Number of bytes of the colours."""
        return 3 * self.width * self.height

    @property
    def size(self) -> int:
        """Number of bytes of all pixels."""
        return (4 if self.has_alpha else 3) * self.width * self.height


@dataclass(frozen=True, kw_only=True)
class DecodedPhoto:
    """A photo upright, in sRGB, 8 bits: what `read_picture` gives for the stored file."""

    layout: PixelLayout
    pixels: bytearray


class StagedPhoto:
    """Pixels of one photo of a request that is still being checked.

    `write` is called by the thread of a decoder, the other methods by that of the request.
    """

    def __init__(self, photos: DecodedPhotos, long_side: int | None) -> None:
        self.long_side = long_side
        self._photos = photos
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._layout: PixelLayout | None = None
        self._closed = False

    def write(self, layout: PixelLayout, pixels: memoryview) -> None:
        """Write pixels to a file without a name. After an error, a worker decodes the photo."""
        # The layout comes from the decoder process.
        if layout.format not in _FORMATS or len(pixels) != layout.size or not pixels:
            return
        with self._lock:
            if self._closed or self._descriptor is not None:
                return
            try:
                self._descriptor = self._photos.write_unnamed(pixels)
                self._layout = layout
            except OSError as error:
                self._photos.pause(error)

    def publish(self, sha256: str) -> None:
        """Give the pixels the name of the stored photo, so that a worker can take them."""
        with self._lock:
            if self._descriptor is not None and self._layout is not None:
                self._photos.name(self._descriptor, sha256, self.long_side, self._layout)

    def close(self) -> None:
        """Discard the pixels if they have no name."""
        with self._lock:
            self._closed = True
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


class DecodedPhotos:
    """The folder of decoded photos, of at most `max_bytes`; 0 turns it off.

    A full folder takes no further photo. The oldest one is not deleted for a new one, because its job
    is next in the queue.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._size = 0
        self._looked_at = self._paused_until = float("-inf")

    def stage(self, long_side: int | None) -> StagedPhoto | None:
        """Take pixels of a photo that is decoded for `long_side`; None if there is no room for them."""
        if not self._max_bytes or not _UNNAMED or not _boot():
            return None
        with self._lock:
            if time.monotonic() < self._paused_until:
                return None
            if time.monotonic() - self._looked_at > _LOOK_SECONDS:
                self._looked_at = time.monotonic()
                self._size = self.sweep()
            if self._size + MAX_PHOTO_BYTES > self._max_bytes:
                return None
        return StagedPhoto(self, long_side)

    def pause(self, error: OSError) -> None:
        """Take no photos for a while: the disk is full, or has no files without names."""
        with self._lock:
            self._paused_until = time.monotonic() + MAX_AGE_SECONDS
        log.warning("decoded photos are not stored for %.0f s: %s", MAX_AGE_SECONDS, error)

    def write_unnamed(self, pixels: memoryview) -> int:
        """Write pixels to a file without a name; returns its descriptor. Raises `OSError`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._private_folder():
            descriptor = os.open(self._folder, _UNNAMED | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            os.lseek(descriptor, _HEADER.size, os.SEEK_SET)
            written = 0
            while written < len(pixels):
                written += os.write(descriptor, pixels[written:])
        except BaseException:
            os.close(descriptor)
            raise
        with self._lock:
            self._size += len(pixels)
        return descriptor

    def name(self, descriptor: int, sha256: str, long_side: int | None, layout: PixelLayout) -> None:
        """Complete a file of `write_unnamed`, and name it; pauses after an error."""
        header = _HEADER.pack(
            *(_boot(), VERSION, sha256.encode(), long_side or 0),
            *(_FORMATS.index(layout.format), layout.has_alpha, layout.width, layout.height),
        )
        try:
            os.pwrite(descriptor, header, 0)
            with self._private_folder() as folder, suppress(FileExistsError):
                # The link in /proc is the only name that the file has.
                os.link(f"/proc/self/fd/{descriptor}", _name(sha256, long_side), dst_dir_fd=folder)
        except OSError as error:
            self.pause(error)

    def take(self, sha256: str, long_side: int | None) -> DecodedPhoto | None:
        """The pixels of a stored photo as decoded for `long_side`, which are deleted; None if missing.

        Only a private file of this user counts, written since the machine was started by the same
        version: after a power failure a file may be incomplete.
        """
        try:
            with self._private_folder() as folder:
                name = _name(sha256, long_side)
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                with os.fdopen(descriptor, "rb", buffering=0) as file:
                    os.unlink(name, dir_fd=folder)
                    status = os.fstat(descriptor)
                    if not stat.S_ISREG(status.st_mode) or not _is_private(status):
                        return None
                    layout = _layout(file.read(_HEADER.size), sha256, long_side)
                    if layout is None or status.st_size != _HEADER.size + layout.size:
                        return None
                    pixels = bytearray(layout.size)
                    if file.readinto(pixels) != layout.size:
                        return None
        except OSError:
            return None
        return DecodedPhoto(layout=layout, pixels=pixels)

    def sweep(self) -> int:
        """Delete files older than `MAX_AGE_SECONDS`; returns the size of the others in bytes."""
        size, before = 0, time.time() - MAX_AGE_SECONDS
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if status.st_mtime < before:
                        Path(entry.path).unlink()
                    else:
                        size += status.st_size
        return size

    @contextmanager
    def _private_folder(self) -> Iterator[int]:
        """The descriptor of the folder. Raises `PermissionError` if other users can open it."""
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not _is_private(os.fstat(descriptor)):
                raise PermissionError("the folder of decoded photos is open to other users")
            yield descriptor
        finally:
            os.close(descriptor)


def _name(sha256: str, long_side: int | None) -> str:
    if len(sha256) != 64 or not sha256.isalnum():
        raise FileNotFoundError("not the name of a photo")
    return f"{sha256}-{long_side or 'whole'}"


def _is_private(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & 0o077


def _layout(header: bytes, sha256: str, long_side: int | None) -> PixelLayout | None:
    """The layout that a header states; None if the header is not of this photo, size and machine."""
    if len(header) != _HEADER.size:
        return None
    *key, format_, has_alpha, width, height = _HEADER.unpack(header)
    if key != [_boot(), VERSION, sha256.encode(), long_side or 0]:
        return None
    layout = PixelLayout(
        format=_FORMATS[format_], width=width, height=height, has_alpha=bool(has_alpha)
    )
    return layout if 0 < layout.size <= MAX_PHOTO_BYTES else None


@cache
def _boot() -> bytes:
    """The id of the running kernel: different on each machine, and after each start of it."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    return b""
