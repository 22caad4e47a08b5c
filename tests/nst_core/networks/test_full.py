from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from nst_core.networks.adain import channel_statistics
from nst_core.networks.files import save_network
from nst_core.networks.full import FullAdaIN
from nst_core.networks.registry import load_network
from nst_core.networks.vgg import load_vgg


@pytest.fixture(scope="module")
def network() -> FullAdaIN:
    torch.manual_seed(0)
    return FullAdaIN().eval()


def test_encoder_is_vgg_and_frozen(network: FullAdaIN) -> None:
    image = torch.rand(1, 3, 24, 32)
    reference = load_vgg(("relu4_1",), reflect=True)(image)["relu4_1"]
    (features,) = network.encode(image)
    torch.testing.assert_close(
        features / features.mean(), reference / reference.mean(), atol=1e-5, rtol=1e-5
    )
    assert not any(p.requires_grad for p in network.encoder.parameters())
    assert all(p.requires_grad for p in network.decoder.parameters())


def test_statistics_and_decoder(network: FullAdaIN) -> None:
    image = torch.rand(2, 3, 16, 24)
    features = network.encode(image)
    statistics = network.statistics(features)
    assert statistics.shape == (2, 1024)
    torch.testing.assert_close(statistics[:, :512], channel_statistics(features[0])[0])
    with torch.no_grad():
        own = network.decode(features, statistics, statistics)
        torch.testing.assert_close(own, network.decoder(features[0]), atol=1e-4, rtol=1e-4)
    assert own.shape == image.shape
    channels = [layer.weight.shape[:2] for layer in network.decoder if hasattr(layer, "weight")]
    assert channels == [
        (256, 512),
        (256, 256),
        (256, 256),
        (128, 256),
        (128, 128),
        (64, 128),
        (64, 64),
        (3, 64),
    ]


def test_checkpoint_holds_only_what_was_trained(network: FullAdaIN, tmp_path: Path) -> None:
    path = save_network(network, tmp_path / "full.safetensors")
    with safe_open(path, framework="pt") as file:
        assert all(name.startswith("decoder.") for name in file.keys())  # noqa: SIM118
    again = load_network(path)
    image, style = torch.rand(1, 3, 16, 16), torch.ones(1, 1024)
    with torch.no_grad():
        torch.testing.assert_close(again(image, style), network(image, style), atol=0, rtol=0)


def test_other_widths_train_their_encoder(tmp_path: Path) -> None:
    network = FullAdaIN(width=0.125).eval()
    assert all(p.requires_grad for p in network.parameters())
    assert network.statistics_width == 128
    image, style = torch.rand(1, 3, 16, 16), torch.ones(1, 128)
    again = load_network(save_network(network, tmp_path / "narrow.safetensors"))
    with torch.no_grad():
        torch.testing.assert_close(again(image, style), network(image, style), atol=0, rtol=0)
    with pytest.raises(ValueError, match="width"):
        FullAdaIN(width=0)
