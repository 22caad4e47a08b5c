from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from nst_core.images.picture import Picture
from nst_core.networks.base import StyleNetwork
from nst_core.networks.full import FullAdaIN
from nst_core.networks.slim import SlimAdaIN
from nst_core.stylize import engine as engine_module
from nst_core.stylize.batching import Order
from nst_core.stylize.engine import StyleEngine, StylizeError
from nst_core.stylize.regions import Region

Photo = Callable[..., Picture]
NAMES = ("astronaut", "chelsea", "coffee", "rocket")
RUNTIMES = ("torch", "openvino", "onnxruntime")


def opened(network: StyleNetwork, runtime: str, memory_mb: int = 1_500) -> StyleEngine:
    if runtime != "torch":
        pytest.importorskip(runtime)
    return StyleEngine(network, runtime, "cpu", memory_mb=memory_mb)


def styles(engine: StyleEngine, photo: Photo) -> list[torch.Tensor]:
    return [engine.style_statistics(photo(name, 96), 64) for name in reversed(NAMES)]


def singly(engine: StyleEngine, orders: Sequence[Order]) -> list[list[Picture]]:
    return [
        engine.stylize_strip(
            order.content,
            order.style,
            order.alphas,
            size=order.size,
            color=order.color,
            stroke=order.stroke,
            regions=order.regions,
        )
        for order in orders
    ]


def furthest(some: list[list[Picture]], others: list[list[Picture]]) -> int:
    pairs = [
        pair for one, other in zip(some, others, strict=True) for pair in zip(one, other, strict=True)
    ]
    return max(
        int(np.abs(one.pixels.astype(int) - other.pixels.astype(int)).max()) for one, other in pairs
    )


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures went through the network in each pass of several."""
    seen: list[int] = []
    real = engine_module.Renderer.outputs_together

    def watched(self: engine_module.Renderer, pictures: list, targets: list, grains: list) -> object:
        seen.append(len(pictures))
        return real(self, pictures, targets, grains)

    monkeypatch.setattr(engine_module.Renderer, "outputs_together", watched)
    return seen


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("height", [64, 50])  # the second needs padding, and so a weight
def test_pictures_made_together_are_those_made_singly(
    slim: StyleNetwork, photo: Photo, passes: list[int], runtime: str, height: int
) -> None:
    engine = opened(slim, runtime)
    orders = [
        Order(content=photo(name, 64, height), style=style, alphas=[alpha])
        for name, style, alpha in zip(NAMES, styles(engine, photo), (1.0, 0.8, 0.3, 1.0), strict=True)
    ]
    assert furthest(engine.stylize_together(orders), singly(engine, orders)) <= 1
    assert passes == [4]


@pytest.mark.parametrize(
    "asked",
    [
        {"alphas": [0, 0.25, 0.5, 1]},
        {"size": 96, "color": "luminance"},
        {"stroke": 8, "size": 160},
        {"stroke": 8},
        {"regions": True},
    ],
)
def test_every_control_is_what_it_is_alone(
    slim: StyleNetwork, photo: Photo, passes: list[int], asked: dict[str, object]
) -> None:
    engine = opened(slim, "torch")
    chosen = styles(engine, photo)
    if asked.pop("regions", None):
        mask = np.zeros((9, 9), np.uint8)
        mask[:, 4:] = 255
        asked = {"regions": [Region(mask, chosen[3], 0.5)]}
    orders = [
        Order(content=photo(name, 64), style=style, **{"alphas": [0.9], **asked})  # type: ignore[arg-type]
        for name, style in zip(NAMES[:3], chosen[:3], strict=True)
    ]
    assert furthest(engine.stylize_together(orders), singly(engine, orders)) <= 1
    assert set(passes) == {3}


def test_the_full_network_too(photo: Photo, passes: list[int]) -> None:
    torch.manual_seed(0)
    engine = opened(FullAdaIN(width=0.125).eval(), "torch")
    orders = [
        Order(content=photo(name, 64), style=style, alphas=[1.0])
        for name, style in zip(NAMES, styles(engine, photo), strict=True)
    ]
    assert furthest(engine.stylize_together(orders), singly(engine, orders)) <= 1
    assert passes == [4]


def test_orders_of_other_shapes_go_alone_and_the_answers_keep_their_order(
    untrained: SlimAdaIN, photo: Photo, passes: list[int]
) -> None:
    engine = opened(untrained, "torch")
    style = engine.style_statistics(photo("coffee", 96), 64)
    sizes = [64, 48, 64, 48, 32, 64]
    orders = [Order(content=photo(size=size), style=style, alphas=[1.0]) for size in sizes]
    orders.append(Order(content=photo(size=64), style=style, alphas=[0.0]))  # nothing to be painted

    made = engine.stylize_together(orders)

    assert [strip[0].width for strip in made] == [*sizes, 64]
    assert furthest(made, singly(engine, orders)) <= 1
    np.testing.assert_array_equal(made[-1][0].pixels, orders[-1].content.pixels)
    assert sorted(passes) == [2, 3]


def test_no_more_go_together_than_there_is_memory_for(
    untrained: SlimAdaIN, photo: Photo, passes: list[int]
) -> None:
    engine = opened(untrained, "torch")
    engine._renderer.whole_pixels = 3 * 64 * 64
    style = engine.style_statistics(photo("coffee", 96), 64)
    orders = [Order(content=photo(size=64), style=style, alphas=[1.0]) for _ in range(4)]

    made = engine.stylize_together(orders)
    assert passes == [2, 2]
    engine._renderer.whole_pixels = 64 * 64
    assert furthest(engine.stylize_together(orders), made) <= 1
    assert passes == [2, 2]  # one at a time, as always


def test_one_order_that_can_not_be_met_is_said(untrained: SlimAdaIN, photo: Photo) -> None:
    engine = opened(untrained, "torch")
    style = engine.style_statistics(photo("coffee", 96), 64)
    orders = [Order(content=photo(size=64), style=style, alphas=[alpha]) for alpha in (1.0, 1.5)]
    with pytest.raises(StylizeError, match="0 to 1"):
        engine.stylize_together(orders)
    assert engine.stylize_together([]) == []
