"""Zip archives of photographs from strangers: looked through before anything is unpacked."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from jobs.errors import InvalidParamsError

#: What systems put into archives by themselves.
_LITTER = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
#: A photograph does not shrink a hundredfold; a bomb does.
_MOST_RATIO = 100


def photographs(
    data: bytes, *, most: int, max_bytes: int, max_total: int, pointer: str = "file"
) -> Iterator[tuple[str, bytes]]:
    """The name and bytes of each photograph of an archive, by its order there.

    The whole table of contents is checked before the first is unpacked. At most `most` files of at most
    `max_bytes` each and `max_total` together are taken; names that leave the archive, links, encrypted
    or nested archives, bombs and files that are no pictures by name refuse the whole. Raises
    `InvalidParamsError`.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError):
        raise _wrong(pointer, "This is not a zip archive, or it is damaged.") from None
    with archive:
        members = [each for each in archive.infolist() if not each.is_dir() and not _litter(each)]
        for member in members:
            problem = _problem(member, max_bytes)
            if problem:
                raise _wrong(pointer, f"{_shown(member)} {problem}.")
        if not members:
            raise _wrong(pointer, "The archive holds no photographs.")
        if len(members) > most:
            raise _wrong(pointer, f"The archive holds {len(members)} files; {most} are taken.")
        total = sum(member.file_size for member in members)
        if total > max_total:
            raise _wrong(
                pointer,
                f"The photographs are {total // 1_000_000} MB; {max_total // 1_000_000} MB are taken.",
            )
        for member in members:
            yield _shown(member), _unpacked(archive, member, max_bytes, pointer)


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int, pointer: str) -> bytes:
    try:
        with archive.open(member) as file:
            data = file.read(max_bytes + 1)
    except Exception as error:  # zlib and the rest raise many types on hostile bytes
        raise _wrong(pointer, f"{_shown(member)} is damaged ({type(error).__name__}).") from None
    if len(data) > max_bytes:  # the table of contents lied
        raise _wrong(pointer, f"{_shown(member)} is larger than {max_bytes // 1_000_000} MB.")
    return data


def _problem(member: zipfile.ZipInfo, max_bytes: int) -> str | None:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return "has a path that leaves the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link"
    if member.flag_bits & 0x1:
        return "is encrypted"
    if path.suffix.lower() not in _SUFFIXES:
        return "is not a JPEG, PNG or WebP picture"
    if member.file_size > max_bytes:
        return f"is larger than {max_bytes // 1_000_000} MB"
    if member.file_size > 1_000_000 and member.file_size > _MOST_RATIO * max(1, member.compress_size):
        return "is packed as no photograph is"
    return None


def _litter(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename).parts
    return any(part in _LITTER or part.startswith("._") for part in parts)


def _shown(member: zipfile.ZipInfo) -> str:
    name = PurePosixPath(member.filename.replace("\\", "/")).name
    return "".join(filter(str.isprintable, name))[:80] or "A file"


def _wrong(pointer: str, detail: str) -> InvalidParamsError:
    return InvalidParamsError([(pointer, detail)])
