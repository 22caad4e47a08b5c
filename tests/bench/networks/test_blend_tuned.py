"""Blending of a tuned network with the network that it was tuned from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bench.networks.blend_tuned import blend
from nst_core.errors import NstError
from nst_core.images.picture import Picture
from nst_core.networks.files import read_metadata, save_network
from nst_core.networks.registry import load_network, precisions
from nst_core.networks.slim import SlimAdaIN


def test_weights_are_extrapolated_and_the_style_is_kept(
    untrained: SlimAdaIN, folders: tuple[Path, Path], photo: Callable[..., Picture], tmp_path: Path
) -> None:
    start = save_network(untrained, tmp_path / "start.safetensors")
    before = {name: value.clone() for name, value in untrained.state_dict().items()}
    assert untrained.head.bias is not None
    with torch.no_grad():
        untrained.head.bias += 0.2
    held = {"statistics": [0.5] * untrained.statistics_width}
    tuned = save_network(
        untrained, tmp_path / "t.safetensors", style=held, noise=0.06, training={"style_size": 64}
    )
    out, photos = tmp_path / "out.safetensors", sorted(folders[0].iterdir())

    blend(tuned, photo("rocket", 64), photos, out, share=1.5, noise=0.04, start=start)

    made = load_network(out)
    torch.testing.assert_close(
        made.state_dict()["head.bias"], before["head.bias"] + 0.3, atol=1e-3, rtol=0
    )
    torch.testing.assert_close(
        made.state_dict()["stem.weight"], before["stem.weight"], atol=1e-3, rtol=1e-3
    )
    assert made.tuned_style is not None
    assert made.tuned_style.shape == (1, untrained.statistics_width)
    assert made.noise == 0.04
    assert precisions(out) == ("fp32", "int8")
    assert read_metadata(out)["blend"] == {"share": 1.5}

    with pytest.raises(NstError, match="not a tuned network"):
        blend(start, photo("rocket", 64), photos, out, share=1.5)
    with pytest.raises(NstError, match="was tuned from another network than slim; name that with"):
        blend(tuned, photo("rocket", 64), photos, out, share=1.5)
