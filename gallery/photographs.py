"""Photographs that scikit-image carries, as files: something to stylise on a machine without any."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

#: Of `skimage.data`, all in the public domain or free to use.
NAMES = ("astronaut", "chelsea", "coffee", "rocket", "camera", "hubble_deep_field")


def write_photographs(folder: Path) -> list[Path]:
    """Write them into `folder` as PNG. Raises `ImportError` without scikit-image."""
    from skimage import data

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png" for name in NAMES]
    for name, path in zip(NAMES, paths, strict=True):
        Image.fromarray(getattr(data, name)()).convert("RGB").save(path)
    return paths


if __name__ == "__main__":
    write_photographs(Path(sys.argv[1]))
