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
from nst_core.runtimes.choice import choose_runtime
from nst_core.runtimes.pytorch import TorchRuntime
from nst_core.runtimes.runtime import Features
from nst_core.stylize.adain_renderer import AdaINRenderer
from nst_core.stylize.memory_limit import MemoryLimit
from nst_core.stylize.padding import padded_side
from nst_core.stylize.plan import Target
from nst_core.stylize.renderer import is_out_of_memory
from nst_core.stylize.request import RenderReport, RenderRequest
from nst_core.stylize.style_engine import StyleEngine


def tiled(
    network: StyleNetwork, runtime: str = "torch", window: int = 0, margin: int | None = None
) -> AdaINRenderer:
    window = window or 4 * -(-network.reach // 8) * 8
    limit = MemoryLimit(whole_pixels=1, window=window, least_window=window)
    return AdaINRenderer(network, choose_runtime(runtime, network, "cpu"), limit=limit, margin=margin)


def whole(network: StyleNetwork, runtime: str = "torch") -> AdaINRenderer:
    return AdaINRenderer(network, choose_runtime(runtime, network, "cpu"), memory_mb=100_000)


def painted(renderer: AdaINRenderer, picture: Picture, style: Tensor, *alphas: float) -> list[Tensor]:
    encoded = renderer.encode([picture.pixels])
    return [renderer.decode(encoded, [Target(style, alpha)]) for alpha in alphas]


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
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
    (output,) = painted(tiled(slim, window=256, margin=8), picture, style, 1.0)
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


class ScarceRuntime(TorchRuntime):
    """A runtime whose memory holds pictures of up to `room` pixels."""

    def __init__(self, network: StyleNetwork, room: int) -> None:
        super().__init__(network)
        self.room = room

    def encode(self, image: Tensor, weight: Tensor | None = None) -> tuple[Features, Tensor]:
        if image.shape[2] * image.shape[3] > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().encode(image, weight)


class ScarceDevice:
    """The same, on what claims to be a GPU."""

    name, device = "torch on a card", "cuda:0"

    def __init__(self, network: StyleNetwork, room: int) -> None:
        self._runtime = ScarceRuntime(network, room)

    def encode(self, image: Tensor, weight: Tensor | None = None) -> tuple[Features, Tensor]:
        return self._runtime.encode(image, weight)

    def decode(self, features: Features, content: Tensor, target: Tensor) -> Tensor:
        return self._runtime.decode(features, content, target)

    def render(
        self, image: Tensor, style: Tensor, alpha: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        return self._runtime.render(image, style, alpha, weight)

    def render_tile(self, image: Tensor, content: Tensor, target: Tensor) -> Tensor:
        return self._runtime.render_tile(image, content, target)


def test_out_of_memory_goes_on_in_smaller_tiles_and_says_so(untrained: SlimAdaIN) -> None:
    picture = photograph(640)
    style = whole(untrained).statistics(photograph(64).pixels)
    (expected,) = painted(whole(untrained), picture, style, 1.0)
    notices: list[str] = []
    renderer = AdaINRenderer(
        untrained, ScarceRuntime(untrained, 200_000), memory_mb=100_000, on_notice=notices.append
    )
    (output,) = painted(renderer, picture, style, 1.0)
    assert (output - expected).abs().max() < 0.1 / 255
    assert notices
    assert all("tiles of" in sentence for sentence in notices)


def test_memory_that_runs_out_between_two_strengths(untrained: SlimAdaIN) -> None:
    """Features of the whole picture are encoded again in tiles; the statistics stay."""

    class Waning(ScarceRuntime):
        def decode(self, features: Features, content: Tensor, target: Tensor) -> Tensor:
            if features[-1].shape[2] * 8 > 512 and self.room < 200_001:
                raise MemoryError
            self.room = 200_000
            return super().decode(features, content, target)

    picture = photograph(640)
    style = whole(untrained).statistics(photograph(64).pixels)
    expected = painted(whole(untrained), picture, style, 0.5, 1.0)
    renderer = AdaINRenderer(untrained, Waning(untrained, 10**9), memory_mb=100_000)
    for output, wanted in zip(painted(renderer, picture, style, 0.5, 1.0), expected, strict=True):
        assert (output - wanted).abs().max() < 0.1 / 255
    assert renderer.limit.whole_pixels < 640 * 640


def test_out_of_memory_in_the_smallest_tiles(
    untrained: SlimAdaIN, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = photograph(640)
    style = whole(untrained).statistics(photograph(64).pixels)
    with pytest.raises(MemoryError, match="smallest tile"):
        painted(AdaINRenderer(untrained, ScarceRuntime(untrained, 0)), picture, style, 1.0)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    notices: list[str] = []
    renderer = AdaINRenderer(untrained, ScarceDevice(untrained, 0), on_notice=notices.append)
    (output,) = painted(renderer, picture, style, 1.0)
    assert (renderer.runtime, renderer.device) == ("torch", "cpu")
    assert "the CPU renders" in notices[-1]
    assert output.shape == (1, 3, 640, 640)


def test_what_ran_out_of_memory_is_over_with_the_job(
    untrained: SlimAdaIN, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    runtime = ScarceDevice(untrained, 100 * 100)
    engine = StyleEngine(untrained, runtime)
    style = engine.style_statistics(photograph(64), 64)

    def render(side: int) -> RenderReport:
        report = RenderReport()
        engine.render(
            [RenderRequest(content=photograph(side), style=style, alphas=[1.0])], report=report
        )
        return report

    large = render(640)
    assert (large.runtime, large.device) == ("torch", "cpu")
    assert "tiles of" in large.notices[0]
    assert "the CPU renders" in large.notices[-1]
    small = render(64)
    assert (small.runtime, small.device, small.notices) == ("torch on a card", "cuda:0", [])
    assert (engine.runtime, engine.device) == ("torch on a card", "cuda:0")


def test_other_errors_are_not_taken_for_a_lack_of_memory(untrained: SlimAdaIN) -> None:
    class Broken(TorchRuntime):
        def encode(self, image: Tensor, weight: Tensor | None = None) -> tuple[Features, Tensor]:
            raise RuntimeError("weights and input differ")

    with pytest.raises(RuntimeError, match="differ"):
        AdaINRenderer(untrained, Broken(untrained)).statistics(photograph(32).pixels)
    assert is_out_of_memory(RuntimeError("std::bad_alloc"))
    assert is_out_of_memory(MemoryError())


def test_sizes(untrained: SlimAdaIN, photo: Callable[..., Picture]) -> None:
    renderer = whole(untrained)
    style = renderer.statistics(photo(size=40).pixels)
    for height, width in ((1, 1), (3, 500), (500, 3), (17, 40)):
        (output,) = painted(renderer, photo(size=width, height=height), style, 1.0)
        assert output.shape == (1, 3, height, width)
        assert output.isfinite().all()
