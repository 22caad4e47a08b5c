"""The strip of README: the photograph, then one painting of it for each style."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.networks.contact_sheet import GAP
from bench.networks.gallery_strip import gallery_strip
from imaging.gallery_styles import gallery_styles
from nst_core.images.picture import Picture


def test_the_photograph_then_a_painting_for_each_style(photo: Callable[..., Picture]) -> None:
    styles = [gallery_styles()[name].path for name in ("night-oils", "woodcut")]
    strip = np.asarray(gallery_strip(photo(size=96), styles, size=64, shown=64))
    assert strip.shape == (64, 3 * 64 + 2 * GAP, 3)
    first, second, third = (strip[:, at : at + 64].astype(int) for at in (0, 64 + GAP, 2 * (64 + GAP)))
    assert abs(first - second).mean() > 10
    assert abs(second - third).mean() > 10
    assert (strip[:, 64 : 64 + GAP] == 255).all()
