"""The table of docs/quality.md: scores of slim and of the network that is tuned to a style."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from bench.networks.tuned_scores import SHOWN, tuned_scores
from nst_core.images.picture import Picture


def test_a_tuned_network_comes_nearer_to_its_style(
    photo: Callable[..., Picture], tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(photo(size=128).pixels).save(path)
    ((style, *columns, share),) = tuned_scores([path], ["tuned-night-oils"], size=128)
    assert style == "night-oils"
    scores = dict(zip(SHOWN, (tuple(map(float, text.split(" → "))) for text in columns), strict=True))
    slim, tuned = scores["gram"]
    assert 0 < tuned < slim
    assert float(share) == pytest.approx(tuned / slim, abs=0.02)
