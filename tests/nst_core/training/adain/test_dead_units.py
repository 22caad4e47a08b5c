"""Units of slim that are always 0."""

from __future__ import annotations

import pytest
import torch

from nst_core.networks.slim import SlimAdaIN
from nst_core.training.adain.dead_units import revive


@pytest.fixture
def network() -> SlimAdaIN:
    """A network with dead units in every layer that `revive` looks at."""
    torch.manual_seed(0)
    network = SlimAdaIN((8, 12, 16), blocks=2, code_width=10).eval()
    with torch.no_grad():
        for module in (*network.middle_out, network.film[2]):
            torch.nn.init.normal_(module.weight, std=0.1)  # type: ignore[arg-type]
        network.down_eighth.bias[:3] = -100
        network.encode_eighth.bias[:4] = -100
        for out in network.middle_out:
            out.weight[:4] = out.bias[:4] = 0  # type: ignore[index, operator]
        last = network.film[2]
        for block in range(2):  # the residual of these channels stays as the encoder made it: 0
            start = 2 * sum(network.film_widths[: 2 * block + 1])
            width = network.film_widths[2 * block + 1]
            for offset in (start, start + width):
                last.weight[offset : offset + 4] = last.bias[offset : offset + 4] = 0  # type: ignore[index]
        shifts = 2 * sum(network.film_widths[:3]) + network.film_widths[3]
        last.bias[shifts + 10] = -1_000  # a channel that the ReLU before the upsampling stops
        network.middle[1].bias[:] = -1_000  # type: ignore[index, operator]
        network.film[0].bias[:6] = -1_000  # type: ignore[index]
    return network


def test_a_revived_network_computes_the_same_and_has_no_dead_units(network: SlimAdaIN) -> None:
    contents, styles = torch.rand(2, 4, 3, 32, 32)
    target = network.statistics(network.encode(styles))
    before = network(contents, target)
    found = revive(network, contents, styles)
    least = {"down_eighth": 3, "encode_eighth": 4, "middle.0": 0, "middle.1": 16, "up_quarter": 1}
    assert found.keys() == {*least, "film"}
    assert all(found[name] >= count for name, count in least.items())
    assert found["film"] >= 6
    target = network.statistics(network.encode(styles))
    torch.testing.assert_close(network(contents, target), before, rtol=1e-4, atol=1e-4)
    assert set(revive(network, contents, styles).values()) == {0}

    # Gradients reach the outgoing weights of every unit.
    target = network.statistics(network.encode(styles))
    (network(contents, target) - 0.3).square().mean().backward()  # type: ignore[no-untyped-call]
    gradient = network.middle_out[1].weight.grad
    assert isinstance(gradient, torch.Tensor)
    assert (gradient.abs().amax((0, 2, 3)) > 0).all()
