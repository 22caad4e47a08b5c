"""Pictures that exports are checked on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nst_core.data import image_paths
from nst_core.images import Picture, PictureError, read_picture

#: Drawn by this package, to check on where nothing else is given.
_DRAWN = ("marbled-paper", "riverside-dots", "night-oils")


def check_pictures(folder: Path | None = None) -> list[Picture]:
    """Up to four pictures of a folder, or some that are at hand. Raises `PictureError`."""
    if folder is None:
        return _at_hand()
    found = [read_picture(path) for path in image_paths(folder)[:4]]
    if len(found) < 2:
        raise PictureError(f"{folder} holds fewer than two pictures to check on.")
    return found


def _at_hand() -> list[Picture]:
    try:
        from skimage import data
    except ImportError:
        from nst_core.gallery.catalogue import draw

        return [Picture(np.array(draw(name, 256).convert("RGB"))) for name in _DRAWN]
    return [Picture(np.array(getattr(data, name)())) for name in ("astronaut", "chelsea", "coffee")]
