"""Pictures on which an exported network is compared with the original."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nst_core.images.picture import Picture, PictureError, read_picture
from nst_core.training.data import image_paths

_SIDE = 256


def check_pictures(folder: Path | None = None) -> list[Picture]:
    """Up to four pictures of a folder, or three of scikit-image's, or three synthetic ones.

    Raises `PictureError` if `folder` holds fewer than two pictures.
    """
    if folder is None:
        return _default_pictures()
    found = [read_picture(path) for path in image_paths(folder)[:4]]
    if len(found) < 2:
        raise PictureError(f"{folder} holds fewer than two pictures to check on.")
    return found


def _default_pictures() -> list[Picture]:
    try:
        from skimage import data
    except ImportError:
        return _synthetic_pictures()
    return [Picture(np.array(getattr(data, name)())) for name in ("astronaut", "chelsea", "coffee")]


def _synthetic_pictures() -> list[Picture]:
    """A colour gradient, a chequerboard of random colours, and smooth noise."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:_SIDE, 0:_SIDE] / _SIDE
    gradient = np.stack([x, y, 1 - (x + y) / 2], axis=-1)
    chequerboard = random.random((16, 16, 3)).repeat(_SIDE // 16, axis=0).repeat(_SIDE // 16, axis=1)
    waves = random.uniform(1, 12, (8, 2, 1, 1, 1))
    phases = random.uniform(0, 2 * np.pi, (8, 3))
    noise = np.mean(
        np.sin(waves[:, 0] * x[..., None] + waves[:, 1] * y[..., None] + phases[:, None, None]), axis=0
    )
    pictures = (gradient, chequerboard, noise / 2 + 0.5)
    return [Picture((picture * 255).round().astype(np.uint8)) for picture in pictures]
