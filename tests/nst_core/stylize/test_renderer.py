from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.networks.render import photograph
from nst_core.images.picture import Picture
from nst_core.networks.base import StyleNetwork
from nst_core.networks.full import FullAdaIN
from nst_core.networks.slim import SlimAdaIN
from nst_core.runtimes.runtime import TorchRuntime, choose_runtime
from nst_core.stylize.plan import Target
from nst_core.stylize.renderer import Renderer, is_out_of_memory, padded_side


def tiled(network: StyleNetwork, runtime: str = "torch", window: int = 0) -> Renderer:
    renderer = Renderer(network, choose_runtime(runtime, network, "cpu"), memory_mb=1)
    renderer.window = window or 4 * -(-network.reach // 8) * 8
    renderer.whole_pixels = 1
    return renderer


def whole(network: StyleNetwork, runtime: str = "torch") -> Renderer:
    return Renderer(network, choose_runtime(runtime, network, "cpu"), memory_mb=100_000)


def painted(renderer: Renderer, picture: Picture, style: Tensor, *alphas: float) -> list[Tensor]:
    return list(renderer.outputs(picture.pixels, [Target(style, alpha) for alpha in alphas]))


@pytest.mark.parametrize("runtime", ["torch", "openvino", "onnxruntime"])
def test_tiles_equal_the_whole_at_2048_pixels(slim: StyleNetwork, runtime: str) -> None:
    if runtime != "torch":
        pytest.importorskip(runtime)
    torch.set_num_threads(2)
    picture = photograph(2048)
    picture = Picture(picture.pixels[:1201])  # a side that no stride divides, in tiles both ways
    style = whole(slim).statistics(photograph(256).pixels)
    (expected,) = painted(whole(slim, runtime), picture, style, 1.0)
    (output,) = painted(tiled(slim, runtime, 1024), picture, style, 1.0)
    assert output.shape == (1, 3, 1201, 2048)
    assert (output.clamp(0, 1) - expected.clamp(0, 1)).abs().max() <= 1 / 255


@pytest.mark.parametrize("width", [203, 640, 700])
def test_tiles_of_every_network_equal_the_whole(untrained: SlimAdaIN, width: int) -> None:
    torch.manual_seed(0)
    for network in (untrained, FullAdaIN(width=0.125).eval()):
        picture = Picture(photograph(704).pixels[:517, :width])
        style = whole(network).statistics(photograph(64).pixels)
        for expected, output in zip(
            painted(whole(network), picture, style, 0.4, 1.0),
            painted(tiled(network), picture, style, 0.4, 1.0),
            strict=True,
        ):
            assert (output - expected).abs().max() < 0.1 / 255


def test_without_the_margin_seams_would_be_seen(slim: StyleNetwork) -> None:
    picture, style = photograph(512), torch.rand(1, slim.statistics_width)  # type: ignore[arg-type]
    (expected,) = painted(whole(slim), picture, style, 1.0)
    renderer = tiled(slim, window=256)
    renderer._margin = 8
    (output,) = painted(renderer, picture, style, 1.0)
    assert (output - expected).abs().max() > 2 / 255


@pytest.mark.parametrize("network", ["slim", "full"])
def test_reach_is_the_receptive_field(network: str, untrained: SlimAdaIN) -> None:
    torch.manual_seed(0)
    model: StyleNetwork = untrained if network == "slim" else FullAdaIN(width=0.125).eval()
    content, target = (torch.rand(1, model.statistics_width) + 0.5 for _ in range(2))
    farthest = 0
    for column in range(160, 168):
        image = torch.rand(1, 3, 16, 328, requires_grad=True)
        output = model.decode(model.encode(image), content, target)
        output[..., column].sum().backward()  # type: ignore[no-untyped-call]
        assert image.grad is not None
        reached = image.grad.abs().sum((0, 1, 2)).nonzero()[:, 0]
        farthest = max(farthest, column - int(reached.min()), int(reached.max()) - column)
    assert model.reach - 8 <= farthest <= model.reach


def test_statistics_do_not_count_the_padding(slim: StyleNetwork) -> None:
    flat = photograph(64).pixels.copy()
    flat[:, 40:] = 255  # what a mirror would repeat
    renderer = whole(slim)
    cut = renderer.statistics(flat[:, :40])
    mirrored = renderer.statistics(flat)
    assert padded_side(slim, 40) == 64
    encoded = slim.encode(torch.from_numpy(flat[:, :40].copy()).permute(2, 0, 1)[None] / 255)
    exact = slim.statistics(encoded)
    assert (cut - exact).abs().mean() < 0.3 * (mirrored - exact).abs().mean()


class Scarce(TorchRuntime):
    """A runtime whose memory holds pictures of up to `room` pixels."""

    room = 200_000

    def _in(self, image: Tensor) -> Tensor:
        if image.shape[2] * image.shape[3] > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super()._in(image)


def test_out_of_memory_goes_on_in_smaller_tiles_and_says_so(untrained: SlimAdaIN) -> None:
    picture = photograph(640)
    style = whole(untrained).statistics(photograph(64).pixels)
    (expected,) = painted(whole(untrained), picture, style, 1.0)
    told: list[str] = []
    renderer = Renderer(untrained, Scarce(untrained), memory_mb=100_000)
    (output,) = renderer.outputs(picture.pixels, [Target(style, 1.0)], told.append)
    assert (output - expected).abs().max() < 0.1 / 255
    assert told
    assert all("tiles of" in sentence for sentence in told)


def test_out_of_memory_in_the_smallest_tiles(
    untrained: SlimAdaIN, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = photograph(640)
    style = whole(untrained).statistics(photograph(64).pixels)
    hopeless = Scarce(untrained)
    hopeless.room = 0
    with pytest.raises(MemoryError, match="smallest tile"):
        painted(Renderer(untrained, hopeless), picture, style, 1.0)
    hopeless.device = "cuda:0"  # as a card would say that it is full
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(Scarce, "_put", lambda self, weight: weight)
    told: list[str] = []
    renderer = Renderer(untrained, hopeless)
    (output,) = renderer.outputs(picture.pixels, [Target(style, 1.0)], told.append)
    assert renderer.device == "cpu"
    assert "the CPU renders" in told[-1]
    assert output.shape == (1, 3, 640, 640)


def test_other_errors_are_not_taken_for_a_lack_of_memory(untrained: SlimAdaIN) -> None:
    class Broken(TorchRuntime):
        def _in(self, image: Tensor) -> Tensor:
            raise RuntimeError("weights and input differ")

    with pytest.raises(RuntimeError, match="differ"):
        Renderer(untrained, Broken(untrained)).statistics(photograph(32).pixels)
    assert is_out_of_memory(RuntimeError("std::bad_alloc"))
    assert is_out_of_memory(MemoryError())


def test_sizes(untrained: SlimAdaIN, photo: Callable[..., Picture]) -> None:
    renderer = whole(untrained)
    style = renderer.statistics(photo(size=40).pixels)
    for height, width in ((1, 1), (3, 500), (500, 3), (17, 40)):
        (output,) = painted(renderer, photo(size=width, height=height), style, 1.0)
        assert output.shape == (1, 3, height, width)
        assert output.isfinite().all()
