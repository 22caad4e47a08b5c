from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from torch import Tensor

from jobs.settings import Settings
from nst_core.networks.registry import NetworkError
from nst_core.networks.slim import SlimAdaIN
from nst_core.runtimes.pytorch import TorchRuntime
from nst_core.stylize.style_engine import StyleEngine
from worker.batching.batch_sizes import BatchSizes
from worker.batching.device import Device
from worker.batching.shape import Shape
from worker.context import WorkerContext


def shape(width: int | None = 48, height: int | None = 32, **other: Any) -> Shape:
    return Shape(
        **{"network": "slim", "width": width, "height": height, "size": None, "stroke": None,
           "passes": 1, **other}
    )  # fmt: skip


class ModelRuntime(TorchRuntime):
    """A runtime whose pass takes 3 ms and 0.2 ms for each picture, on a clock of its own."""

    now = 0.0
    passes = 0

    def render(self, image: Tensor, *_: object) -> Tensor:
        self.now += 0.003 + 0.0002 * len(image)
        self.passes += 1
        return image


class Opened:
    """The engines of a worker that has opened one network."""

    def __init__(self, engine: StyleEngine) -> None:
        self._engine = engine

    def get(self, network: str) -> StyleEngine:
        if network != "slim":
            raise NetworkError("There is no such network.")
        return self._engine


@pytest.fixture
def untrained() -> SlimAdaIN:
    """A narrow slim network with random weights."""
    torch.manual_seed(0)
    return SlimAdaIN((8, 8, 16), blocks=1, code_width=8).eval()


@pytest.fixture
def runtime(untrained: SlimAdaIN) -> ModelRuntime:
    return ModelRuntime(untrained)


@pytest.fixture
def sizes(untrained: SlimAdaIN, runtime: ModelRuntime) -> BatchSizes:
    engines: Any = Opened(StyleEngine(untrained, runtime))
    return BatchSizes(engines, Device(lambda: runtime.now))


def test_a_network_and_a_size_are_measured_once_and_logged(
    sizes: BatchSizes, runtime: ModelRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "worker"):
        assert sizes.of(shape()) == 16
        after = runtime.passes
        assert sizes.of(shape(passes=3)) == 16
    assert runtime.passes == after
    (record,) = caplog.records
    assert record.message.startswith(
        "slim at 48×32, milliseconds a picture by pictures in a pass: 1: 3.20"
    )
    assert record.message.endswith("batches of 16")
    sizes.of(shape(size=64))
    assert runtime.passes > after


def test_a_real_runtime_is_measured(untrained: SlimAdaIN) -> None:
    engines: Any = Opened(StyleEngine(untrained, "torch", "cpu"))
    assert BatchSizes(engines, Device()).of(shape()) in {1, 2, 4, 8, 16}


def test_what_can_not_be_measured_runs_alone(
    sizes: BatchSizes, caplog: pytest.LogCaptureFixture
) -> None:
    assert sizes.of(shape(network="gone")) == 1
    assert "were not measured" in caplog.text
    assert sizes.of(shape(width=None)) == 1


def test_a_setting_counts_more_and_a_cpu_takes_one(settings: Settings) -> None:
    told = settings.model_copy(update={"device": "cpu", "render_batch": 3})
    context = WorkerContext(told)
    assert context.batch_size(shape()) == 3
    context.settings = told.model_copy(update={"render_batch": 0})
    assert context.batch_size(shape()) == 1
    assert not context.claims_ahead
    context.close()


@pytest.mark.parametrize(
    ("one", "sides"),
    [
        (shape(400, 200), (400, 200)),
        (shape(400, 200, size=100), (100, 50)),
        (shape(400, 200, size=100, stroke=8.0), (128, 64)),
        (shape(None, 200), None),
    ],
)
def test_the_sides_of_the_network_follow_from_the_shape(
    one: Shape, sides: tuple[int, int] | None
) -> None:
    assert one.network_sides == sides
