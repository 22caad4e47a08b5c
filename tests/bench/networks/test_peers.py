from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.networks.peers import MicroAST
from bench.networks.render import Size, measure, network_for


def test_microast_does_the_work_of_the_published_one() -> None:
    network = MicroAST().eval()
    image, style = torch.rand(1, 3, 64, 64), torch.rand(1, network.statistics_width)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        features = network.encode(image)
        output = network.decode(features, network.statistics(features), style)
    assert output.shape == image.shape
    # 14.6 GFLOP at 512×512 with the style at hand, of which this picture is a 64th.
    assert abs(64 * counter.get_total_flops() / 1e9 - 14.6) < 0.1


def test_a_peer_is_timed_beside_slim() -> None:
    rows = measure(["slim", "microast"], ["torch"], [Size(64, 64)], rounds=1)
    assert [(row.network, row.weights) for row in rows] == [("slim", "bundled"), ("microast", "random")]
    for row in rows:
        assert row.ms > 0
        assert row.gflops > 0
        assert 0 < row.of_peak < 1.5
        assert row.vs_full_eager is not None
    assert network_for("full")[0].architecture == "full_adain"
