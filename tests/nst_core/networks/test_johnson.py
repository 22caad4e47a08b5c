from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nst_core.networks.files import CheckpointError, load_weights, read_metadata, save_network
from nst_core.networks.johnson import JohnsonNetwork, mirrored
from nst_core.networks.registry import NetworkError, load_network


def test_the_network_has_the_parameters_of_its_design() -> None:
    assert sum(parameter.numel() for parameter in JohnsonNetwork().parameters()) == 1_679_235


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 9), (8, 8), (30, 41), (64, 33)])
def test_a_picture_of_any_size_keeps_it(height: int, width: int) -> None:
    with torch.no_grad():
        out = JohnsonNetwork()(torch.rand(2, 3, height, width))
    assert out.shape == (2, 3, height, width)
    assert torch.isfinite(out).all()
    assert 0 <= float(out.min()) <= float(out.max()) <= 1


def test_mirroring_repeats_tiny_pictures_over_and_over() -> None:
    row = torch.tensor([0.0, 1.0, 2.0]).expand(1, 1, 8, 3)
    assert mirrored(row)[0, 0, 0].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert torch.equal(mirrored(torch.ones(1, 3, 8, 12)), torch.ones(1, 3, 8, 12))


def test_recomputed_activations_give_the_same_gradients() -> None:
    network, x = JohnsonNetwork(), torch.rand(1, 3, 16, 16)
    gradients = []
    for network.gradient_checkpointing in (False, True):
        network.zero_grad()
        network(x).square().mean().backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])
    assert all(torch.equal(one, two) for one, two in zip(*gradients, strict=True))


def test_a_file_gives_the_weights_back_and_says_what_they_are(tmp_path: Path) -> None:
    network = JohnsonNetwork()
    path = save_network(network, tmp_path / "net.safetensors", steps=7)
    assert read_metadata(path)["format"] == "atelier-network/1"
    assert read_metadata(path)["architecture"] == "johnson"
    assert read_metadata(path)["steps"] == 7
    weights = load_weights(path, "johnson")
    assert all(torch.equal(weights[name], value) for name, value in network.state_dict().items())
    with pytest.raises(CheckpointError, match="of the kind johnson, not slim_adain"):
        load_weights(path, "slim_adain")
    with pytest.raises(NetworkError, match="one style"):
        load_network(path)
