"""Picture files in folders and archives: found by suffix, without the litter of operating systems."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePath

#: Files and folders that macOS, Windows and network drives add by themselves.
_LITTER = frozenset({
    "__macosx", ".ds_store", ".appledouble", ".spotlight-v100", ".trashes", ".fseventsd",
    ".temporaryitems", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin",
    "system volume information", "@eadir",
})  # fmt: skip
#: Most names in one notice.
_NAMED = 5


@dataclass(frozen=True)
class FolderPictures:
    """Pictures of a folder, sorted, and the other files in it that are no litter."""

    pictures: list[Path]
    left_out: list[Path]

    def notice(self, folder: Path) -> str | None:
        """One line that names the files that were left out; None if there are none."""
        if not self.left_out:
            return None
        names = ", ".join(str(path.relative_to(folder)) for path in self.left_out[:_NAMED])
        more = len(self.left_out) - _NAMED
        return f"Left out of {folder}, no pictures by their suffix: {names}" + (
            f" and {more} more." if more > 0 else "."
        )


def is_litter(path: PurePath) -> bool:
    """Whether a file was made by an operating system: resource forks, thumbnails, trash."""
    return any(part.startswith("._") or part.lower() in _LITTER for part in path.parts)


def find_pictures(folder: Path, suffixes: Collection[str], *, recursive: bool) -> FolderPictures:
    """Look for files with one of `suffixes` (lower case, with the dot). Raises `OSError`."""
    found = folder.rglob("*") if recursive else folder.iterdir()
    files = sorted(path for path in found if path.is_file() and not is_litter(path.relative_to(folder)))
    pictures = [path for path in files if path.suffix.lower() in suffixes]
    return FolderPictures(pictures, [path for path in files if path.suffix.lower() not in suffixes])
