"""The network that `--network auto` means for a style."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from nst_core.images.picture import PictureError
from params.tuned_networks import AUTO, network_tuned_to

#: The size of styles that the bundled networks are tuned at, in pixels of the shorter side.
_TUNED_SIZE = 384


def choose_network(
    name: str, styles: Sequence[Path], *, style_size: int = _TUNED_SIZE, style_regions: bool = False
) -> str:
    """`name`, or for "auto" the bundled network that is tuned to the picture, else "slim".

    A mix of several `styles`, regions with styles, and another `style_size` need a network that takes
    any style. Raises `PictureError` if the style can't be read.
    """
    if name != AUTO:
        return name
    if len(styles) != 1 or style_regions or style_size != _TUNED_SIZE:
        return "slim"
    try:
        digest = hashlib.sha256(styles[0].read_bytes()).hexdigest()
    except OSError as error:
        raise PictureError(f"{styles[0]} can't be read: {error.strerror}.") from error
    return network_tuned_to(digest) or "slim"
