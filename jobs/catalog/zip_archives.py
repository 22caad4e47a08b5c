"""Untrusted zip archives of photographs: checked as a whole before anything is unpacked."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from imaging.folders import is_litter
from imaging.formats import FORMAT_NAMES, SUFFIXES
from jobs.errors import InvalidParamsError

#: Largest compression ratio of a photograph; zip bombs have larger ones.
_MAX_RATIO = 100
#: Most bytes of the table of contents for each file, with its name, times and comment.
_MAX_ENTRY_BYTES = 500


def iter_photos(
    data: bytes, *, max_files: int, max_bytes: int, max_total: int, pointer: str = "file"
) -> Iterator[tuple[str, bytes]]:
    """The name and bytes of each photograph of a zip archive, in the order of the archive.

    The whole table of contents is checked before the first file is unpacked: at most `max_files` files
    of at most `max_bytes` each and `max_total` together. One path that leaves the archive, link,
    encrypted file, zip bomb or file without the suffix of a picture refuses the whole archive. Raises
    `InvalidParamsError`.
    """
    _check_contents_table(data, max_files, pointer)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError):
        raise _error(pointer, "This is not a zip archive, or it is damaged.") from None
    with archive:
        members = [
            each
            for each in archive.infolist()
            if not each.is_dir() and not is_litter(PurePosixPath(each.filename))
        ]
        for member in members:
            problem = _problem(member, max_bytes)
            if problem:
                raise _error(pointer, f"{_display_name(member)} {problem}.")
        if not members:
            raise _error(pointer, "The archive holds no photographs.")
        if len(members) > max_files:
            raise _error(
                pointer, f"The archive holds {len(members)} files; at most {max_files} are allowed."
            )
        total = sum(member.file_size for member in members)
        if total > max_total:
            raise _error(
                pointer,
                f"The photographs have {total // 1_000_000} MB, more than {max_total // 1_000_000} MB.",
            )
        for member in members:
            yield _display_name(member), _unpack(archive, member, max_bytes, pointer)


def _check_contents_table(data: bytes, max_files: int, pointer: str) -> None:
    """Bound the table of contents before `zipfile` parses it: an entry of 47 bytes takes 500 in memory.

    Folders and files of macOS come on top of the photographs, hence twice as many entries.
    """
    most = 2 * max_files + 1_000
    try:
        end = zipfile._EndRecData(io.BytesIO(data))  # type: ignore[attr-defined]
    except (OSError, struct.error, zipfile.BadZipFile):
        end = None
    if end is None:
        raise _error(pointer, "This is not a zip archive, or it is damaged.")
    # Each entry begins with this signature, whatever number of entries the archive gives.
    entries = data.count(b"PK\x01\x02")
    if entries > most or end[zipfile._ECD_SIZE] > most * _MAX_ENTRY_BYTES:  # type: ignore[attr-defined]
        raise _error(
            pointer, f"The table of contents is too long; at most {max_files} files are allowed."
        )


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int, pointer: str) -> bytes:
    try:
        with archive.open(member) as file:
            data = file.read(max_bytes + 1)
    except Exception as error:  # zlib and zipfile raise many types on malformed bytes
        raise _error(pointer, f"{_display_name(member)} is damaged ({type(error).__name__}).") from None
    if len(data) > max_bytes:  # the table of contents gave a smaller size
        raise _error(pointer, f"{_display_name(member)} is larger than {max_bytes // 1_000_000} MB.")
    return data


def _problem(member: zipfile.ZipInfo, max_bytes: int) -> str | None:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return "has a path that leaves the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link"
    if member.flag_bits & 0x1:
        return "is encrypted"
    if path.suffix.lower() not in SUFFIXES:
        return f"is not a {FORMAT_NAMES} picture"
    if member.file_size > max_bytes:
        return f"is larger than {max_bytes // 1_000_000} MB"
    if member.file_size > 1_000_000 and member.file_size > _MAX_RATIO * max(1, member.compress_size):
        return "has the compression ratio of a zip bomb"
    return None


def _display_name(member: zipfile.ZipInfo) -> str:
    name = PurePosixPath(member.filename.replace("\\", "/")).name
    return "".join(filter(str.isprintable, name))[:80] or "A file"


def _error(pointer: str, detail: str) -> InvalidParamsError:
    return InvalidParamsError([(pointer, detail)])
