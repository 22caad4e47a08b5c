from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nst_core.networks.base import StyleNetwork
from nst_core.networks.full import FullAdaIN
from nst_core.networks.slim import SlimAdaIN
from nst_core.runtimes.choice import RuntimeChoiceError, choose_runtime
from nst_core.runtimes.graph_cache import GraphFiles
from nst_core.runtimes.pytorch import TorchRuntime
from nst_core.runtimes.runtime import Runtime


def networks() -> list[StyleNetwork]:
    torch.manual_seed(0)
    return [SlimAdaIN((8, 8, 16), blocks=1), FullAdaIN(width=0.125)]


def render(
    runtime: Runtime, image: torch.Tensor, style: torch.Tensor, alpha: torch.Tensor | float = 1.0
) -> torch.Tensor:
    features, content = runtime.encode(image)
    return runtime.decode(features, content, torch.lerp(content, style, torch.as_tensor(alpha)))


@pytest.mark.parametrize("name", ["openvino"])
@pytest.mark.parametrize("network", networks(), ids=lambda network: network.architecture)
def test_runtimes_agree_with_torch_to_a_tenth_of_a_level(network: StyleNetwork, name: str) -> None:
    pytest.importorskip(name)
    reference, runtime = TorchRuntime(network), choose_runtime(name, network, "cpu")
    image, style = torch.rand(1, 3, 32, 40), torch.rand(1, 3, 24, 24)
    weight = torch.ones(1, 1, 4, 5)
    weight[..., 4:], weight[..., 3:, :] = 0, 0.25
    _, target = reference.encode(style)
    torch.testing.assert_close(runtime.encode(style)[1], target, atol=1e-4, rtol=1e-4)
    for counted in (None, weight):
        wanted, measured = reference.encode(image, counted)
        features, statistics = runtime.encode(image, counted)
        torch.testing.assert_close(statistics, measured, atol=1e-4, rtol=1e-4)
        assert [level.shape for level in features] == [level.shape for level in wanted]
        for share in (0.3, 1.0):
            blend = torch.lerp(measured, target, share)
            expected = reference.decode(wanted, measured, blend)
            first = runtime.decode(features, measured, blend)
            assert (first - expected).abs().max() < 0.1 / 255
            assert torch.equal(first, runtime.decode(features, measured, blend))
            alpha = torch.tensor([[share]])
            for whole in (
                runtime.render(image, target, alpha, counted),
                runtime.render_tile(image, measured, blend),
            ):
                assert (whole - expected).abs().max() < 0.1 / 255


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_a_batch_gives_what_its_pictures_give_alone(untrained: SlimAdaIN, name: str) -> None:
    if name != "torch":
        pytest.importorskip(name)
    runtime = choose_runtime(name, untrained, "cpu")
    images, styles = torch.rand(3, 3, 24, 32), torch.rand(3, untrained.statistics_width)
    alphas = torch.tensor([[1.0], [0.5], [0.2]])
    together = render(runtime, images, styles, alphas)
    for index in range(3):
        one = slice(index, index + 1)
        alone = render(runtime, images[one], styles[one], alphas[one])
        assert (together[one] - alone).abs().max() < 0.1 / 255


@pytest.mark.parametrize("name", ["openvino"])
def test_graphs_kept_on_disk_give_the_same(
    untrained: SlimAdaIN, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(name)
    image, style = torch.rand(1, 3, 24, 32), torch.rand(1, untrained.statistics_width)
    first = choose_runtime(name, untrained, "cpu", cache=tmp_path)
    expected = render(first, image, style)
    kept = [path for path in tmp_path.rglob("*") if path.suffix == ".xml"]
    assert kept

    def unasked(*arguments: object, **options: object) -> None:
        raise AssertionError("converted again")

    with monkeypatch.context() as patch:
        patch.setattr("torch.jit.trace", unasked)
        again = choose_runtime(name, untrained, "cpu", cache=tmp_path)
        assert torch.equal(render(again, image, style), expected)
    for file in kept:  # a file cut short is made anew
        file.write_bytes(file.read_bytes()[:100])
    mended = choose_runtime(name, untrained, "cpu", cache=tmp_path)
    assert torch.equal(render(mended, image, style), expected)


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

    runtime = OpenVinoRuntime(untrained, memory_mb=25)  # a small graph takes a little more than 10
    images = [torch.rand(1, 3, 16, side) for side in (16, 24, 32, 16)]
    answers = [runtime.encode(image)[1] for image in images]
    assert runtime.graphs.compiled == 2
    other = OpenVinoRuntime(untrained, memory_mb=25)
    other.encode(images[0])
    assert (runtime.graphs.compiled, other.graphs.compiled) == (1, 1)
    assert not torch.equal(answers[0], answers[3])
    torch.testing.assert_close(
        answers[0], TorchRuntime(untrained).encode(images[0])[1], atol=1e-5, rtol=1e-4
    )


def test_features_are_those_that_the_decoder_reads(untrained: SlimAdaIN) -> None:
    image, style = torch.rand(1, 3, 32, 32), torch.rand(1, untrained.statistics_width)
    runtime = TorchRuntime(untrained)
    features, content = runtime.encode(image)
    assert [level.shape[1] for level in features] == [8, 16]  # of 8, 8 and 16
    with torch.inference_mode():
        everything = untrained.encode(image)
        torch.testing.assert_close(untrained.statistics(everything), content)
        torch.testing.assert_close(
            runtime.decode(features, content, style), untrained.decode(everything, content, style)
        )


def test_choices_that_can_not_be_had(untrained: SlimAdaIN, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeChoiceError, match="no runtime 'tpu'"):
        choose_runtime("tpu", untrained)
    with pytest.raises(RuntimeChoiceError, match="no device"):
        choose_runtime("torch", untrained, "abacus")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeChoiceError, match="no CUDA device"):
        choose_runtime("torch", untrained, "cuda")
    monkeypatch.setattr("nst_core.runtimes.choice.find_spec", lambda name: None)
    assert choose_runtime("auto", untrained, "cpu").name == "torch"
    with pytest.raises(RuntimeChoiceError, match="not installed"):
        choose_runtime("openvino", untrained, "cpu")


@pytest.mark.gpu
def test_cuda_equals_cpu(untrained: SlimAdaIN) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    image, style = torch.rand(1, 3, 32, 40), torch.rand(1, untrained.statistics_width)
    expected = render(TorchRuntime(untrained), image, style, 0.7)
    answer = render(TorchRuntime(untrained, "cuda"), image, style, 0.7)
    assert (answer - expected).abs().max() < 2 / 255
