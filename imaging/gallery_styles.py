"""Styles of the starter gallery, as files of the installation. `jobs` and `params` share them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class GalleryStyle:
    """A style of the gallery: its id, its texts, and the file of its picture."""

    id: str
    title: str
    description: str
    path: Path


def gallery_folder() -> Path:
    """The folder of the gallery. It is data of the package `jobs`, found without importing that."""
    spec = find_spec("jobs")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("The package jobs, which holds the gallery, is not installed.")
    return Path(spec.origin).parent / "gallery"


@cache
def gallery_styles() -> Mapping[str, GalleryStyle]:
    """The styles by id, in the gallery's order. Raises `OSError` if the gallery can't be read."""
    folder = gallery_folder()
    entries = json.loads((folder / "gallery.json").read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            entry["slug"]: GalleryStyle(
                id=entry["slug"],
                title=entry["title"],
                description=entry["description"],
                path=folder / entry["file"],
            )
            for entry in entries
        }
    )
