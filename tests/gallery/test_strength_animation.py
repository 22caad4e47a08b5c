from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gallery.strength_animation import DIAL, OUT, STEPS, WIDTH, with_dial


def test_the_dial_stands_at_the_strength() -> None:
    picture = Image.new("RGB", (WIDTH, 300), "red")
    knobs = []
    for strength in (0.0, 0.5, 1.0):
        frame = with_dial(picture, strength)
        assert frame.size == (WIDTH, 300 + DIAL)
        assert frame.getpixel((5, 5)) == (255, 0, 0)
        # The knob is the only white inside the track's height.
        row = np.asarray(frame.convert("L"))[300 + DIAL // 2, 112 : WIDTH - 86]
        knobs.append(float(np.flatnonzero(row == 255).mean()))
    assert knobs[0] < knobs[1] < knobs[2]
    assert knobs[1] == pytest.approx((knobs[0] + knobs[2]) / 2, abs=4)


def test_the_animation_of_the_readme_is_short_and_small() -> None:
    assert OUT.stat().st_size < 1_500_000
    with Image.open(OUT) as image:
        assert image.n_frames == 2 * STEPS - 2
        assert image.width == WIDTH
