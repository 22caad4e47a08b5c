from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from support.render_request import render_request

from nst_core.images.picture import Picture
from nst_core.networks.base import StyleNetwork
from nst_core.networks.full import FullAdaIN
from nst_core.networks.slim import SlimAdaIN
from nst_core.runtimes.pytorch import TorchRuntime
from nst_core.runtimes.runtime import Features
from nst_core.stylize.memory_limit import MemoryLimit
from nst_core.stylize.regions import Region
from nst_core.stylize.request import RenderRequest, StylizeError
from nst_core.stylize.style_engine import StyleEngine

Photo = Callable[..., Picture]
NAMES = ("astronaut", "chelsea", "coffee", "rocket")
RUNTIMES = ("torch", "openvino")


class CountingRuntime(TorchRuntime):
    """Notes the sizes of its batches; `room` is the largest number of pictures in one pass."""

    room = 100

    def __init__(self, network: StyleNetwork) -> None:
        super().__init__(network)
        self.batches: list[int] = []

    def encode(
        self, image: torch.Tensor, weight: torch.Tensor | None = None
    ) -> tuple[Features, torch.Tensor]:
        if len(image) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        self.batches.append(len(image))
        return super().encode(image, weight)


@pytest.fixture
def runtime(untrained: SlimAdaIN) -> CountingRuntime:
    return CountingRuntime(untrained)


def styles(engine: StyleEngine, photo: Photo) -> list[torch.Tensor]:
    return [engine.style_statistics(photo(name, 96), 64) for name in reversed(NAMES)]


def singly(engine: StyleEngine, requests: Sequence[RenderRequest]) -> list[list[Picture]]:
    return [engine.render([request])[0] for request in requests]


def furthest(some: list[list[Picture]], others: list[list[Picture]]) -> int:
    pairs = [
        pair for one, other in zip(some, others, strict=True) for pair in zip(one, other, strict=True)
    ]
    return max(
        int(np.abs(one.pixels.astype(int) - other.pixels.astype(int)).max()) for one, other in pairs
    )


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("height", [64, 50])  # the second needs padding, and so a weight
def test_pictures_made_together_are_those_made_singly(
    slim: StyleNetwork, photo: Photo, runtime: str, height: int
) -> None:
    if runtime != "torch":
        pytest.importorskip(runtime)
    engine = StyleEngine(slim, runtime, "cpu")
    requests = [
        render_request(content=photo(name, 64, height), style=style, alphas=[alpha])
        for name, style, alpha in zip(NAMES, styles(engine, photo), (1.0, 0.8, 0.3, 1.0), strict=True)
    ]
    assert furthest(engine.render(requests), singly(engine, requests)) <= 1


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
    slim: StyleNetwork, photo: Photo, asked: dict[str, object]
) -> None:
    counting = CountingRuntime(slim)
    engine = StyleEngine(slim, counting)
    chosen = styles(engine, photo)
    if asked.pop("regions", None):
        mask = np.zeros((9, 9), np.uint8)
        mask[:, 4:] = 255
        asked = {"regions": [Region(mask, chosen[3], 0.5)]}
    requests = [
        render_request(content=photo(name, 64), style=style, **{"alphas": [0.9], **asked})
        for name, style in zip(NAMES[:3], chosen[:3], strict=True)
    ]
    counting.batches.clear()
    rendered = engine.render(requests)
    assert set(counting.batches) == {3}
    assert furthest(rendered, singly(engine, requests)) <= 1


def test_the_full_network_too(photo: Photo) -> None:
    torch.manual_seed(0)
    network = FullAdaIN(width=0.125).eval()
    engine = StyleEngine(network, CountingRuntime(network))
    requests = [
        render_request(content=photo(name, 64), style=style, alphas=[1.0])
        for name, style in zip(NAMES, styles(engine, photo), strict=True)
    ]
    assert furthest(engine.render(requests), singly(engine, requests)) <= 1


def test_requests_of_other_shapes_go_alone_and_the_answers_keep_their_order(
    untrained: SlimAdaIN, runtime: CountingRuntime, photo: Photo
) -> None:
    engine = StyleEngine(untrained, runtime)
    style = engine.style_statistics(photo("coffee", 96), 64)
    sizes = [64, 48, 64, 48, 32, 64]
    requests = [render_request(content=photo(size=size), style=style, alphas=[1.0]) for size in sizes]
    requests.append(
        render_request(content=photo(size=64), style=style, alphas=[0.0])
    )  # nothing to be painted

    runtime.batches.clear()
    made = engine.render(requests)
    assert sorted(runtime.batches) == [1, 2, 3]

    assert [strip[0].width for strip in made] == [*sizes, 64]
    assert furthest(made, singly(engine, requests)) <= 1
    np.testing.assert_array_equal(made[-1][0].pixels, requests[-1].content.pixels)


def test_no_more_go_together_than_there_is_memory_for(
    untrained: SlimAdaIN, runtime: CountingRuntime, photo: Photo
) -> None:
    def engine(pictures: int) -> StyleEngine:
        return StyleEngine(untrained, runtime, limit=MemoryLimit(pictures * 64 * 64, 256, 256))

    style = engine(1).style_statistics(photo("coffee", 96), 64)
    requests = [render_request(content=photo(size=64), style=style, alphas=[1.0]) for _ in range(4)]

    runtime.batches.clear()
    made = engine(3).render(requests)
    assert runtime.batches == [2, 2]
    assert furthest(engine(1).render(requests), made) <= 1
    assert runtime.batches == [2, 2, 1, 1, 1, 1]


def test_a_batch_that_does_not_fit_in_memory_is_rendered_one_by_one(
    untrained: SlimAdaIN, runtime: CountingRuntime, photo: Photo
) -> None:
    engine = StyleEngine(untrained, runtime)
    style = engine.style_statistics(photo("coffee", 96), 64)
    requests = [render_request(content=photo(size=64), style=style, alphas=[1.0]) for _ in range(3)]
    expected = engine.render(requests)

    runtime.room = 2
    runtime.batches.clear()
    assert furthest(engine.render(requests), expected) <= 1
    assert runtime.batches == [1, 1, 1]


def test_one_request_that_is_wrong_is_refused(untrained: SlimAdaIN, photo: Photo) -> None:
    engine = StyleEngine(untrained, "torch", "cpu")
    style = engine.style_statistics(photo("coffee", 96), 64)
    requests = [
        render_request(content=photo(size=64), style=style, alphas=[alpha]) for alpha in (1.0, 1.5)
    ]
    with pytest.raises(StylizeError, match="0 to 1"):
        engine.render(requests)
    assert engine.render([]) == []
