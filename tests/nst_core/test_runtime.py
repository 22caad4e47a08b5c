from __future__ import annotations

import pytest
import torch

from nst_core.full import FullAdaIN
from nst_core.runtime import RuntimeChoiceError, TorchRuntime, choose_runtime
from nst_core.slim import SlimAdaIN
from nst_core.style_network import StyleNetwork


def networks() -> list[StyleNetwork]:
    torch.manual_seed(0)
    return [SlimAdaIN((8, 8, 16), blocks=1), FullAdaIN(width=0.125)]


@pytest.mark.parametrize("network", networks(), ids=lambda network: network.architecture)
def test_openvino_equals_torch(network: StyleNetwork) -> None:
    pytest.importorskip("openvino")
    reference, runtime = TorchRuntime(network), choose_runtime("openvino", network)
    image, style = torch.rand(1, 3, 32, 40), torch.rand(1, 3, 24, 24)
    target = reference.statistics(style)
    torch.testing.assert_close(runtime.statistics(style), target, atol=1e-4, rtol=1e-4)
    for alpha in (0.3, 1.0):
        expected = reference.render(image, target, alpha)
        first = runtime.render(image, target, alpha)
        assert (first - expected).abs().max() < 2 / 255
        assert torch.equal(first, runtime.render(image, target, alpha))


def test_compiled_shapes_are_bounded_and_answers_are_kept_apart(untrained: SlimAdaIN) -> None:
    pytest.importorskip("openvino")
    from nst_core.runtime_openvino import OpenVinoRuntime

    runtime = OpenVinoRuntime(untrained, kept=2)
    images = [torch.rand(1, 3, 16, side) for side in (16, 24, 32, 16)]
    answers = [runtime.statistics(image) for image in images]
    assert len(runtime._compiled) == 2
    assert not torch.equal(answers[0], answers[3])
    torch.testing.assert_close(
        answers[0], TorchRuntime(untrained).statistics(images[0]), atol=1e-5, rtol=1e-4
    )


def test_a_tile_rendered_with_given_statistics_is_the_whole(untrained: SlimAdaIN) -> None:
    runtime = TorchRuntime(untrained)
    image, style = torch.rand(1, 3, 32, 32), torch.rand(1, untrained.statistics_width)
    content = runtime.statistics(image)
    torch.testing.assert_close(
        runtime.render_tile(image, content, torch.lerp(content, style, 0.4)),
        runtime.render(image, style, 0.4),
    )


def test_choices_that_can_not_be_had(untrained: SlimAdaIN, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeChoiceError, match="no runtime 'tpu'"):
        choose_runtime("tpu", untrained)
    with pytest.raises(RuntimeChoiceError, match="no device"):
        choose_runtime("torch", untrained, "abacus")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeChoiceError, match="no CUDA device"):
        choose_runtime("torch", untrained, "cuda")
    monkeypatch.setattr("nst_core.runtime.find_spec", lambda name: None)
    assert choose_runtime("auto", untrained, "cpu").name == "torch"
    with pytest.raises(RuntimeChoiceError, match="not installed"):
        choose_runtime("openvino", untrained, "cpu")


@pytest.mark.gpu
def test_cuda_equals_cpu(untrained: SlimAdaIN) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    image, style = torch.rand(1, 3, 32, 40), torch.rand(1, untrained.statistics_width)
    expected = TorchRuntime(untrained).render(image, style, 0.7)
    answer = TorchRuntime(untrained, "cuda").render(image, style, 0.7)
    assert (answer - expected).abs().max() < 2 / 255
