from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nst_core.networks.base import StyleNetwork
from nst_core.networks.full import FullAdaIN
from nst_core.networks.slim import SlimAdaIN
from nst_core.runtimes.graph_cache import GraphFiles
from nst_core.runtimes.runtime import RuntimeChoiceError, TorchRuntime, choose_runtime


def networks() -> list[StyleNetwork]:
    torch.manual_seed(0)
    return [SlimAdaIN((8, 8, 16), blocks=1), FullAdaIN(width=0.125)]


def full_strength(share: float = 1.0, batch: int = 1) -> torch.Tensor:
    return torch.full((batch, 1), share)


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("network", networks(), ids=lambda network: network.architecture)
def test_runtimes_agree_with_torch_to_a_tenth_of_a_level(network: StyleNetwork, name: str) -> None:
    pytest.importorskip(name)
    reference, runtime = TorchRuntime(network), choose_runtime(name, network, "cpu")
    image, style = torch.rand(1, 3, 32, 40), torch.rand(1, 3, 24, 24)
    weight = torch.ones(1, 1, 4, 5)
    weight[..., 4:], weight[..., 3:, :] = 0, 0.25
    target = reference.statistics(style)
    torch.testing.assert_close(runtime.statistics(style), target, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        runtime.statistics(image, weight), reference.statistics(image, weight), atol=1e-4, rtol=1e-4
    )
    for share in (0.3, 1.0):
        for counted in (None, weight):
            expected = reference.render(image, target, full_strength(share), counted)
            first = runtime.render(image, target, full_strength(share), counted)
            assert (first - expected).abs().max() < 0.1 / 255
            assert torch.equal(first, runtime.render(image, target, full_strength(share), counted))
    tile = runtime.render_tile(image, target, 0.9 * target)
    assert (tile - reference.render_tile(image, target, 0.9 * target)).abs().max() < 0.1 / 255


@pytest.mark.parametrize("name", ["torch", "openvino", "onnxruntime"])
def test_a_batch_gives_what_its_pictures_give_alone(untrained: SlimAdaIN, name: str) -> None:
    if name != "torch":
        pytest.importorskip(name)
    runtime = choose_runtime(name, untrained, "cpu")
    images, styles = torch.rand(3, 3, 24, 32), torch.rand(3, untrained.statistics_width)
    alphas = torch.tensor([[1.0], [0.5], [0.2]])
    together = runtime.render(images, styles, alphas)
    for index in range(3):
        one = slice(index, index + 1)
        alone = runtime.render(images[one], styles[one], alphas[one])
        assert (together[one] - alone).abs().max() < 0.1 / 255


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_graphs_kept_on_disk_give_the_same(
    untrained: SlimAdaIN, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(name)
    image, style = torch.rand(1, 3, 24, 32), torch.rand(1, untrained.statistics_width)
    first = choose_runtime(name, untrained, "cpu", cache=tmp_path)
    expected = first.render(image, style, full_strength())
    kept = [path for path in tmp_path.rglob("*") if path.suffix in (".xml", ".onnx")]
    assert kept

    def unasked(*arguments: object, **options: object) -> None:
        raise AssertionError("converted again")

    with monkeypatch.context() as patch:
        patch.setattr("torch.jit.trace", unasked)
        patch.setattr("torch.onnx.export", unasked)
        again = choose_runtime(name, untrained, "cpu", cache=tmp_path)
        assert torch.equal(again.render(image, style, full_strength()), expected)
    for file in kept:  # a file cut short is made anew
        file.write_bytes(file.read_bytes()[:100])
    mended = choose_runtime(name, untrained, "cpu", cache=tmp_path)
    assert torch.equal(mended.render(image, style, full_strength()), expected)


def test_other_weights_have_other_graphs(untrained: SlimAdaIN, tmp_path: Path) -> None:
    first = GraphFiles.of(untrained, tmp_path, "1")
    with torch.no_grad():
        untrained.head.weight[0, 0, 0, 0] += 1
    second = GraphFiles.of(untrained, tmp_path, "1")
    assert first is not None
    assert second is not None
    assert first.folder != second.folder
    blocked = tmp_path / "file"
    blocked.touch()
    assert GraphFiles.of(untrained, blocked, "1") is None


def test_compiled_shapes_are_bounded_and_answers_are_kept_apart(untrained: SlimAdaIN) -> None:
    pytest.importorskip("openvino")
    from nst_core.runtimes.openvino import OpenVinoRuntime

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
        runtime.render(image, style, full_strength(0.4)),
    )


def test_choices_that_can_not_be_had(untrained: SlimAdaIN, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeChoiceError, match="no runtime 'tpu'"):
        choose_runtime("tpu", untrained)
    with pytest.raises(RuntimeChoiceError, match="no device"):
        choose_runtime("torch", untrained, "abacus")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeChoiceError, match="no CUDA device"):
        choose_runtime("torch", untrained, "cuda")
    monkeypatch.setattr("nst_core.runtimes.runtime.find_spec", lambda name: None)
    assert choose_runtime("auto", untrained, "cpu").name == "torch"
    with pytest.raises(RuntimeChoiceError, match="not installed"):
        choose_runtime("openvino", untrained, "cpu")


@pytest.mark.gpu
def test_cuda_equals_cpu(untrained: SlimAdaIN) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    image, style = torch.rand(1, 3, 32, 40), torch.rand(1, untrained.statistics_width)
    expected = TorchRuntime(untrained).render(image, style, full_strength(0.7))
    answer = TorchRuntime(untrained, "cuda").render(image, style, full_strength(0.7))
    assert (answer - expected).abs().max() < 2 / 255
