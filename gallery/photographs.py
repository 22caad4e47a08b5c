"""Sample photographs of scikit-image as files, for tests and trials without own photos."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

#: Of `skimage.data`, all in the public domain or free to use.
NAMES = ("astronaut", "chelsea", "coffee", "rocket", "camera", "hubble_deep_field")


def write_photographs(folder: Path) -> list[Path]:
    """Write the photographs into `folder` as PNG. Raises `ImportError` without scikit-image."""
    from skimage import data

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png" for name in NAMES]
    for name, path in zip(NAMES, paths, strict=True):
        Image.fromarray(getattr(data, name)()).convert("RGB").save(path)
    return paths


if __name__ == "__main__":
    write_photographs(Path(sys.argv[1]))
