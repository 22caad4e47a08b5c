"""The runtime for CUDA on the CPU, where a recording is a call. `bench.gpu.device_checks` has more."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from nst_core.networks.johnson import JohnsonNetwork
from nst_core.networks.slim import SlimAdaIN
from nst_core.runtimes import cuda
from nst_core.runtimes.choice import RuntimeChoiceError, choose_runtime
from nst_core.runtimes.cuda import CudaFeedForward, CudaRuntime
from nst_core.runtimes.pytorch import TorchFeedForward, TorchRuntime
from nst_core.runtimes.recorded_graphs import RecordedGraphs
from nst_core.runtimes.recorder import DirectRecorder, Work


class Limited(DirectRecorder):
    """Notes what it is asked, and can refuse to record."""

    def __init__(self, refuses: Exception | None = None) -> None:
        self.recorded, self.forgotten = 0, 0
        self.limits: list[int] = []
        self._refuses = refuses

    def record(self, work: Work) -> Work:
        if self._refuses is not None:
            raise self._refuses
        self.recorded += 1
        return super().record(work)

    def forget(self) -> None:
        self.forgotten += 1

    @contextmanager
    def limited(self, extra_bytes: int) -> Iterator[None]:
        self.limits.append(extra_bytes)
        yield


def runtime_on(
    network: SlimAdaIN, recorder: Limited, *, capacity: int = 16
) -> tuple[CudaRuntime, RecordedGraphs]:
    graphs = RecordedGraphs("cpu", capacity=capacity, recorder=recorder)
    return CudaRuntime(network, "cpu", half=False, memory_mb=7, graphs=graphs), graphs


def images(*sides: int) -> list[Tensor]:
    return [torch.rand(1, 3, 16, side) for side in sides]


def test_every_part_gives_what_plain_pytorch_gives(untrained: SlimAdaIN) -> None:
    runtime, _ = runtime_on(untrained, Limited())
    reference = TorchRuntime(untrained)
    image, style = torch.rand(1, 3, 32, 40), torch.rand(1, untrained.statistics_width)
    weight = torch.ones(1, 1, 4, 5)
    weight[..., 4:] = 0
    alpha = torch.tensor([[0.6]])
    for counted in (None, weight):
        for _ in range(3):  # plain, recorded, replayed
            features, statistics = runtime.encode(image, counted)
            wanted, measured = reference.encode(image, counted)
            torch.testing.assert_close(statistics, measured)
            torch.testing.assert_close(
                runtime.decode(features, measured, style), reference.decode(wanted, measured, style)
            )
            torch.testing.assert_close(
                runtime.render(image, style, alpha, counted),
                reference.render(image, style, alpha, counted),
            )
    torch.testing.assert_close(
        runtime.render_tile(image, measured, style), reference.render_tile(image, measured, style)
    )
    assert runtime.name == "torch"


def test_a_shape_is_recorded_when_it_comes_again_and_recordings_are_bounded(
    untrained: SlimAdaIN,
) -> None:
    recorder = Limited()
    runtime, graphs = runtime_on(untrained, recorder, capacity=2)
    for image in images(16, 24, 32):
        runtime.encode(image)
    assert recorder.recorded == 0
    for image in images(16, 16, 24, 32):
        runtime.encode(image)
    assert (recorder.recorded, graphs.recorded) == (3, 2)
    assert set(recorder.limits) == {7_000_000}


def test_large_pictures_are_not_recorded(untrained: SlimAdaIN, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nst_core.runtimes.recorded_graphs.RECORDED_PIXELS", 16 * 16)
    recorder = Limited()
    runtime, _ = runtime_on(untrained, recorder)
    for image in images(16, 16, 24, 24, 24):
        runtime.encode(image)
    assert recorder.recorded == 1


def test_what_can_not_be_recorded_runs_without_and_says_so_once(
    untrained: SlimAdaIN, caplog: pytest.LogCaptureFixture
) -> None:
    runtime, graphs = runtime_on(untrained, Limited(RuntimeError("operation not permitted")))
    (image,) = images(16)
    outputs = [runtime.encode(image)[1] for _ in range(4)]
    assert all(torch.equal(output, outputs[0]) for output in outputs)
    assert graphs.recorded == 0
    (record,) = caplog.records
    assert "Encode runs without a CUDA graph: operation not permitted" in record.message


def test_missing_memory_drops_the_recordings_before_it_is_an_error(
    untrained: SlimAdaIN, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Limited()
    runtime, graphs = runtime_on(untrained, recorder)
    small, large = images(16, 24)
    for _ in range(2):
        runtime.encode(small)
    assert graphs.recorded == 1
    encode = SlimAdaIN.encode

    def scarce(self: SlimAdaIN, x: Tensor) -> tuple[Tensor, ...]:
        if graphs.recorded:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return encode(self, x)

    monkeypatch.setattr(SlimAdaIN, "encode", scarce)
    statistics = runtime.encode(large)[1]
    assert (graphs.recorded, recorder.forgotten) == (0, 1)
    torch.testing.assert_close(statistics, TorchRuntime(untrained).encode(large)[1])

    def none_left(self: SlimAdaIN, x: Tensor) -> tuple[Tensor, ...]:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(SlimAdaIN, "encode", none_left)
    with pytest.raises(torch.OutOfMemoryError):
        runtime.encode(large)


def test_half_precision_is_close_and_logged(
    untrained: SlimAdaIN, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cuda, "_CHECK_SIDE", 32)
    image, style = torch.rand(1, 3, 16, 24), torch.rand(1, untrained.statistics_width)
    expected = TorchRuntime(untrained).render(image, style, torch.ones(1, 1))
    with caplog.at_level(logging.INFO, "nst_core"):
        runtime = CudaRuntime(untrained, "cpu", graphs=RecordedGraphs("cpu"))
    assert runtime.name == "torch fp16"
    assert "SlimAdaIN on cpu: fp16 is within 0." in caplog.text
    output = runtime.render(image, style, torch.ones(1, 1))
    assert output.dtype == torch.float32
    assert 0 < (output - expected).abs().max() < 1.5 / 255
    features, statistics = runtime.encode(image)
    assert {level.dtype for level in features} == {torch.float16}
    assert statistics.dtype == torch.float32


def test_half_precision_that_is_too_far_off_is_not_used(
    untrained: SlimAdaIN, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cuda, "_CHECK_SIDE", 32)
    with torch.no_grad():
        untrained.stem.weight.mul_(1e6)  # beyond what half precision holds
    runtime = CudaRuntime(untrained, "cpu", graphs=RecordedGraphs("cpu"))
    assert runtime.name == "torch"
    assert "fp32 is used" in caplog.text
    image = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(runtime.encode(image)[1], TorchRuntime(untrained).encode(image)[1])


def test_a_network_of_one_style_of_any_size() -> None:
    torch.manual_seed(0)
    network = JohnsonNetwork().eval()
    runtime = CudaFeedForward(network, "cpu", half=False, graphs=RecordedGraphs("cpu"))
    for side in (10, 10, 17):
        image = torch.rand(1, 3, 9, side)
        torch.testing.assert_close(runtime.run(image), TorchFeedForward(network).run(image))


def test_half_precision_on_a_cpu_is_refused(untrained: SlimAdaIN) -> None:
    with pytest.raises(RuntimeChoiceError, match="fp16 is for CUDA"):
        choose_runtime("torch", untrained, "cpu", half=True)
