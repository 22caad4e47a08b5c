from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nst_core.images.picture import Picture, to_tensor
from nst_core.networks.base import StyleNetwork
from nst_core.networks.quantization import QuantizedConv, calibrate, quantize
from nst_core.runtimes.choice import choose_runtime
from nst_core.runtimes.graph_cache import GraphFiles
from nst_core.runtimes.pytorch import TorchRuntime
from nst_core.runtimes.runtime import Runtime

Pairs = list[tuple[Tensor, Tensor]]


@pytest.fixture
def pairs(photo: Callable[..., Picture]) -> Pairs:
    names = ("astronaut", "chelsea", "coffee", "rocket")
    pictures = [to_tensor(photo(name, 96).pixels) for name in names]
    return [(content, style) for content in pictures[:2] for style in pictures[2:]]


def render(runtime: Runtime, content: Tensor, style: Tensor) -> Tensor:
    """`content` at full strength."""
    features, measured = runtime.encode(content)
    return runtime.decode(features, measured, runtime.encode(style)[1])


def psnr(output: Tensor, expected: Tensor) -> float:
    error = (output.clamp(0, 1) - expected.clamp(0, 1)).square().mean()
    return float(-10 * torch.log10(error))


def test_int8_is_close_to_single_precision(slim: StyleNetwork, pairs: Pairs) -> None:
    quantized = quantize(slim, calibrate(slim, pairs))
    assert sum(isinstance(part, QuantizedConv) for part in quantized.modules()) == 14
    reference, runtime = TorchRuntime(slim), TorchRuntime(quantized)
    for content, style in pairs:
        expected = render(reference, content, style)
        output = render(runtime, content, style)
        assert 32 < psnr(output, expected) < 70  # close, and really quantised


def test_ranges_of_noise_are_worse_than_those_of_photographs(slim: StyleNetwork, pairs: Pairs) -> None:
    noise = [(torch.rand_like(content), torch.rand_like(style)) for content, style in pairs]
    content, style = pairs[0]
    reference = TorchRuntime(slim)
    expected = render(reference, content, style)
    scores = []
    for seen in (pairs, noise):
        runtime = TorchRuntime(quantize(slim, calibrate(slim, seen)))
        scores.append(psnr(render(runtime, content, style), expected))
    assert scores[0] > scores[1]


def test_openvino_computes_in_integers_what_torch_rounds(slim: StyleNetwork, pairs: Pairs) -> None:
    pytest.importorskip("openvino")
    quantized = quantize(slim, calibrate(slim, pairs))
    reference, runtime = TorchRuntime(quantized), choose_runtime("openvino", quantized, "cpu")
    content, style = pairs[0]
    expected, output = render(reference, content, style), render(runtime, content, style)
    # A sum that falls on the edge between two levels may be rounded either way, and that carries on:
    # further in a network with stronger strokes.
    assert psnr(output, expected) > 35
    assert (output - expected).abs().mean() < 1.5 / 255


def test_some_convolutions_may_stay_as_they_are(slim: StyleNetwork, pairs: Pairs) -> None:
    ranges = calibrate(slim, pairs[:1])
    some = quantize(slim, {"stem": ranges["stem"]})
    assert [name for name, part in some.named_modules() if isinstance(part, QuantizedConv)] == ["stem"]
    with pytest.raises(KeyError, match="nowhere"):
        quantize(slim, {"nowhere": (0.0, 1.0)})


def test_nothing_named_changes_nothing(slim: StyleNetwork, pairs: Pairs) -> None:
    content, style = pairs[0]
    plain, unfolded = TorchRuntime(slim), TorchRuntime(quantize(slim, {}))
    expected = render(plain, content, style)
    torch.testing.assert_close(render(unfolded, content, style), expected, atol=1e-4, rtol=1e-4)


def test_graphs_of_other_ranges_are_kept_apart(
    slim: StyleNetwork, pairs: Pairs, tmp_path: Path
) -> None:
    noise = [(torch.rand_like(content), torch.rand_like(style)) for content, style in pairs]
    kept = [
        GraphFiles.of(quantize(slim, calibrate(slim, seen)), tmp_path, "1")
        for seen in (pairs, pairs, noise)
    ]
    folders = [files.folder for files in kept if files is not None]

    assert folders[0] == folders[1] != folders[2]
