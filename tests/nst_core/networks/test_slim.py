from __future__ import annotations

import torch

from nst_core.networks.slim import SlimAdaIN


def test_shapes(untrained: SlimAdaIN) -> None:
    image = torch.rand(2, 3, 32, 48)
    features = untrained.encode(image)
    assert [tuple(level.shape) for level in features] == [(2, 8, 16, 24), (2, 8, 8, 12), (2, 16, 4, 6)]
    statistics = untrained.statistics(features)
    assert statistics.shape == (2, untrained.statistics_width)
    assert untrained(image, statistics).shape == image.shape


def test_the_style_reaches_the_output_and_decode_is_forward(untrained: SlimAdaIN) -> None:
    image, style = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 24, 24) ** 3
    features = untrained.encode(image)
    mine = untrained.statistics(features)
    theirs = untrained.statistics(untrained.encode(style))
    with torch.no_grad():
        styled = untrained(image, theirs)
        assert (styled - untrained(image, mine)).abs().mean() > 1e-3
        torch.testing.assert_close(untrained.decode(features, mine, theirs), styled)


def test_settings_rebuild_the_network(untrained: SlimAdaIN) -> None:
    again = SlimAdaIN(**untrained.settings)  # type: ignore[arg-type]
    again.load_state_dict(untrained.state_dict())
    assert again.settings == untrained.settings


def test_smallest_input(untrained: SlimAdaIN) -> None:
    image = torch.rand(1, 3, untrained.minimum_side, untrained.minimum_side)
    assert untrained(image, torch.zeros(1, untrained.statistics_width)).isfinite().all()
