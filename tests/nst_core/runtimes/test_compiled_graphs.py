from __future__ import annotations

import gc

from nst_core.runtimes.compiled_graphs import CompiledGraphs


class Network:
    """An object that owns graphs."""


def kept(graphs: CompiledGraphs, owner: object, sides: range) -> list[int]:
    return [side for side in sides if graphs.get(owner, side) is not None]


def test_all_networks_together_stay_within_the_limit() -> None:
    graphs, networks = CompiledGraphs(), [Network() for _ in range(24)]
    for side in range(12):
        for network in networks:
            graphs.make_room(110, 1_500)
            graphs.add(network, side, f"request {side}", 110)
            assert graphs.megabytes <= 1_500

    assert sum(graphs.count(network) for network in networks) == 13  # 1,430 of 1,500 MB
    assert kept(graphs, networks[-1], range(12)) == [11]


def test_what_was_used_last_is_kept() -> None:
    graphs, network = CompiledGraphs(), Network()
    for side in range(3):
        graphs.add(network, side, f"request {side}", 10)
    assert graphs.get(network, 0) == "request 0"

    graphs.make_room(10, 30)

    assert kept(graphs, network, range(3)) == [0, 2]


def test_a_graph_above_the_limit_is_kept_alone() -> None:
    graphs, network = CompiledGraphs(), Network()
    graphs.add(network, 1, "small", 10)
    graphs.make_room(2_000, 1_500)
    graphs.add(network, 2, "large", 2_000)

    assert graphs.get(network, 1) is None
    assert graphs.get(network, 2) == "large"


def test_graphs_of_a_network_that_is_gone_are_dropped() -> None:
    graphs, network, other = CompiledGraphs(), Network(), Network()
    graphs.add(network, 1, "of the first", 10)
    graphs.add(other, 1, "of the other", 20)
    del network
    gc.collect()
    graphs.make_room(1, 1_500)

    assert graphs.megabytes == 20
    assert graphs.get(other, 1) == "of the other"
