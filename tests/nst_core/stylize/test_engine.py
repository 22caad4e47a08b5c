from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
import torch
from support.render_request import render_request

from nst_core.images.color import luma
from nst_core.images.picture import Picture, encode_picture, resize_picture, to_tensor
from nst_core.networks.base import StyleNetwork
from nst_core.networks.slim import SlimAdaIN
from nst_core.runtimes.pytorch import TorchRuntime
from nst_core.runtimes.runtime import Features
from nst_core.stylize.composition import FADE, CompositionError
from nst_core.stylize.memory_limit import MemoryLimit
from nst_core.stylize.regions import Region
from nst_core.stylize.request import StylizeError
from nst_core.stylize.style_engine import StyleEngine, mix
from params.painting import Color

Photo = Callable[..., Picture]


@pytest.fixture(scope="module")
def engine(slim: StyleNetwork) -> StyleEngine:
    return StyleEngine(slim, "torch", "cpu")


@pytest.fixture(scope="module")
def style(engine: StyleEngine, photo: Photo) -> torch.Tensor:
    return engine.style_statistics(photo("coffee", 96), 64)


def difference(one: Picture, other: Picture) -> float:
    return float(np.abs(one.pixels.astype(float) - other.pixels.astype(float)).mean())


def strip(
    engine: StyleEngine, content: Picture, style: torch.Tensor, alphas: list[float], **controls: object
) -> list[Picture]:
    request = render_request(content=content, style=style, alphas=alphas, **controls)
    return engine.render([request])[0]


def listened(
    engine: StyleEngine, content: Picture, style: torch.Tensor, alphas: list[float]
) -> list[tuple[str, int, int]]:
    """The progress events of a request."""
    heard: list[tuple[str, int, int]] = []
    request = render_request(content=content, style=style, alphas=alphas)
    engine.render([request], on_progress=lambda *event: heard.append(event))
    return heard


class CountingRuntime(TorchRuntime):
    """Notes the calls of its halves."""

    def __init__(self, network: StyleNetwork) -> None:
        super().__init__(network)
        self.calls: list[str] = []
        self.encoded: list[tuple[torch.Size, torch.Tensor | None]] = []

    def encode(
        self, image: torch.Tensor, weight: torch.Tensor | None = None
    ) -> tuple[Features, torch.Tensor]:
        self.calls.append("encode")
        self.encoded.append((image.shape, weight))
        return super().encode(image, weight)

    def decode(self, features: Features, content: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        self.calls.append("decode")
        return super().decode(features, content, target)


def square(size: int, low: float, high: float) -> np.ndarray:
    """A mask that is white from `low` to `high`, as shares of its side."""
    mask = np.zeros((size, size), np.uint8)
    mask[round(low * size) : round(high * size), round(low * size) : round(high * size)] = 255
    return mask


@pytest.mark.parametrize("color", get_args(Color))
@pytest.mark.parametrize(("size", "stroke"), [(None, None), (40, None), (40, 8), (200, 8)])
def test_alpha_zero_is_the_source_bit_for_bit(
    engine: StyleEngine, style: torch.Tensor, photo: Photo, color: Color, size: int, stroke: float
) -> None:
    content = photo(size=64)
    region = Region(square(9, 0.2, 0.7), feather=3)
    result = engine.stylize(
        content, style, alpha=0, size=size, color=color, stroke=stroke, regions=[region]
    )
    expected = content if size is None else resize_picture(content, size)
    np.testing.assert_array_equal(result.pixels, expected.pixels)


@pytest.mark.parametrize("color", get_args(Color))
@pytest.mark.parametrize("runtime", ["torch", "openvino"])
@pytest.mark.parametrize("name", ["astronaut", "chelsea"])
def test_difference_from_the_content_rises_with_alpha(
    slim: StyleNetwork, photo: Photo, name: str, runtime: str, color: Color
) -> None:
    if runtime != "torch":
        pytest.importorskip(runtime)
    engine = StyleEngine(slim, runtime, "cpu")
    content = photo(name, 96)
    match = content if color == "match" else None
    style = engine.style_statistics(photo("coffee", 96), 64, match=match)
    strengths = sorted({0, 0.01, 0.05, 0.1, 0.15, 0.3, FADE, 0.5, 0.6, 0.75, 1})
    results = strip(engine, content, style, strengths, color=color)
    differences = [difference(result, content) for result in results]
    assert differences[0] == 0
    assert all(low < high for low, high in pairwise(differences)), differences
    assert differences[1] < 1.5  # no jump at zero
    assert differences[-1] > 5


def test_a_strip_is_the_single_pictures(engine: StyleEngine, style: torch.Tensor, photo: Photo) -> None:
    content = photo(size=64)
    alphas = [0.0, 0.25, 0.5, 0.75, 1.0]
    pictures = strip(engine, content, style, alphas, size=72)
    for alpha, picture in zip(alphas, pictures, strict=True):
        single = engine.stylize(content, style, alpha=alpha, size=72)
        assert np.abs(picture.pixels.astype(int) - single.pixels).max() <= 1


@pytest.mark.parametrize("limit", [None, MemoryLimit(10_000, 1_024, 1_024, feature_bytes=10**9)])
def test_a_strip_encodes_the_content_once(
    slim: StyleNetwork, style: torch.Tensor, photo: Photo, limit: MemoryLimit | None
) -> None:
    runtime = CountingRuntime(slim)
    engine = StyleEngine(slim, runtime, limit=limit)
    kept = Region(square(16, 0.5, 1), alpha=1.0)
    strip(engine, photo(size=32), style, [0, 0.5, 1], regions=[kept])
    # Strength 0 is no work, and the region's own strength is rendered once for all three.
    assert runtime.calls == ["encode", "decode", "decode"]


def test_each_tile_is_encoded_once_if_its_features_fit_in_memory(
    slim: StyleNetwork, style: torch.Tensor, photo: Photo
) -> None:
    margin = -(-slim.reach // slim.stride) * slim.stride
    results = {}
    for megabytes, encoded in ((100, 9), (0, 9 + 2 * 9)):
        runtime = CountingRuntime(slim)
        limit = MemoryLimit(10_000, 4 * margin, 4 * margin, feature_bytes=megabytes * 10**6)
        engine = StyleEngine(slim, runtime, limit=limit)
        results[megabytes] = strip(engine, photo(size=640), style, [0.5, 1])
        assert runtime.calls.count("encode") == encoded
        assert runtime.calls.count("decode") == 2 * 9
    for one, other in zip(results[100], results[0], strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)


def test_regions_cover_what_they_cover(engine: StyleEngine, style: torch.Tensor, photo: Photo) -> None:
    content = photo(size=64)
    other = engine.style_statistics(photo("rocket", 96), 64)
    kept, mine = Region(square(64, 0, 0.25), alpha=0.0), Region(square(64, 0.5, 1), other, 1.0)
    result = engine.stylize(content, style, alpha=0.7, regions=[kept, mine])
    plain = engine.stylize(content, style, alpha=0.7)
    whole = engine.stylize(content, other, alpha=1.0)
    np.testing.assert_array_equal(result.pixels[:16, :16], content.pixels[:16, :16])
    assert np.abs(result.pixels[32:, 32:].astype(int) - whole.pixels[32:, 32:]).max() <= 1
    assert np.abs(result.pixels[:16, 16:].astype(int) - plain.pixels[:16, 16:]).max() <= 1
    assert difference(plain, whole) > 5


def test_later_regions_cover_earlier_ones(
    engine: StyleEngine, style: torch.Tensor, photo: Photo
) -> None:
    content = photo(size=48)
    everywhere = np.full((4, 4), 255, np.uint8)
    keep, paint = Region(everywhere, alpha=0.0), Region(everywhere, alpha=1.0)
    first = engine.stylize(content, style, regions=[keep, paint])
    second = engine.stylize(content, style, regions=[paint, keep])
    assert difference(first, engine.stylize(content, style, alpha=1)) < 0.1
    np.testing.assert_array_equal(second.pixels, content.pixels)


def test_a_region_that_covers_nothing_changes_nothing(
    engine: StyleEngine, style: torch.Tensor, photo: Photo
) -> None:
    content = photo(size=48)
    nothing = Region(np.zeros((4, 4), np.uint8), alpha=0.0, feather=5)
    with_region = engine.stylize(content, style, regions=[nothing])
    np.testing.assert_array_equal(with_region.pixels, engine.stylize(content, style).pixels)


def test_everything_at_once(engine: StyleEngine, photo: Photo) -> None:
    content = photo("chelsea", 64)
    styles = [
        engine.style_statistics(photo(name, 64), 48, match=content) for name in ("coffee", "rocket")
    ]
    region = Region(square(10, 0.3, 0.8), styles[1], alpha=0.6, feather=4)
    pictures = strip(
        engine,
        content,
        mix(styles, [2, 1]),
        [0.2, 1],
        size=80,
        color="match",
        stroke=8,
        regions=[region],
    )
    assert [picture.pixels.shape for picture in pictures] == [(80, 80, 3)] * 2
    assert difference(pictures[0], pictures[1]) > 2


def test_no_jump_where_the_fade_ends(engine: StyleEngine, style: torch.Tensor, photo: Photo) -> None:
    content = photo(size=64)
    below, above = (engine.stylize(content, style, alpha=FADE + step) for step in (-0.001, 0.001))
    assert difference(below, above) < 1


def test_size_is_the_longer_side(engine: StyleEngine, style: torch.Tensor) -> None:
    content = Picture(np.zeros((20, 40, 3), np.uint8))
    result = engine.stylize(content, style, size=60)
    assert (result.width, result.height) == (60, 30)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_the_same_job_gives_the_same_bytes(slim: StyleNetwork, photo: Photo, runtime: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino")
    files = []
    for _ in range(2):
        engine = StyleEngine(slim, runtime, "cpu")
        style = engine.style_statistics(photo("rocket", 48), 48)
        files.append(encode_picture(engine.stylize(photo(size=53), style)))
    assert files[0] == files[1]


def test_runtimes_agree_to_two_levels(slim: StyleNetwork, photo: Photo) -> None:
    pytest.importorskip("openvino")
    one, other = (StyleEngine(slim, runtime, "cpu") for runtime in ("torch", "openvino"))
    style = one.style_statistics(photo("coffee", 64), 64)
    a, b = one.stylize(photo(size=72), style, alpha=1), other.stylize(photo(size=72), style, alpha=1)
    assert np.abs(a.pixels.astype(int) - b.pixels.astype(int)).max() <= 2


def test_content_colours_are_kept(engine: StyleEngine, style: torch.Tensor, photo: Photo) -> None:
    content = photo("chelsea", 64)
    plain = engine.stylize(content, style, alpha=1)
    kept = engine.stylize(content, style, alpha=1, color="luminance")

    def chroma(picture: Picture) -> torch.Tensor:
        image = to_tensor(picture.pixels)
        return image - luma(image)

    lost = (chroma(plain) - chroma(content)).abs().mean()
    assert (chroma(kept) - chroma(content)).abs().mean() < 0.25 * lost
    assert (luma(to_tensor(kept.pixels)) - luma(to_tensor(plain.pixels))).abs().mean() < 0.01


def test_a_grey_content_stays_grey(engine: StyleEngine, style: torch.Tensor, photo: Photo) -> None:
    grey = photo(size=48).pixels[..., :1].repeat(3, axis=2)
    kept = engine.stylize(Picture(grey), style, alpha=1, color="luminance").pixels.astype(int)
    assert (kept.max(2) - kept.min(2)).max() <= 1


def test_alpha_channel_and_format_are_the_contents(
    engine: StyleEngine, style: torch.Tensor, photo: Photo
) -> None:
    alpha = np.arange(48 * 48, dtype=np.uint32).astype(np.uint8).reshape(48, 48)
    content = Picture(photo(size=48).pixels, alpha, "WEBP")
    result = engine.stylize(content, style)
    np.testing.assert_array_equal(result.alpha, alpha)
    assert result.format == "WEBP"


def test_progress_names_each_stage(engine: StyleEngine, style: torch.Tensor, photo: Photo) -> None:
    heard = listened(engine, photo(size=32), style, [0.8])
    assert [stage for stage, _, _ in heard[::2]] == ["prepare", "render", "finish"]
    assert all(0 <= step <= total for _, step, total in heard)
    assert heard[-1][1] == heard[-1][2]


def test_progress_counts_the_targets_of_a_strip(
    engine: StyleEngine, style: torch.Tensor, photo: Photo
) -> None:
    heard = listened(engine, photo(size=32), style, [0, 0.5, 1])
    rendered = [event[1:] for event in heard if event[0] == "render"]
    assert rendered == [(0, 2), (1, 2), (1, 2), (2, 2)]
    assert [step for stage, step, _ in heard if stage == "finish"] == [0, 1, 1, 2, 2, 3]


def test_refusals(engine: StyleEngine, style: torch.Tensor, slim: StyleNetwork) -> None:
    content = Picture(np.zeros((8, 16, 3), np.uint8))
    with pytest.raises(StylizeError, match="alpha"):
        engine.stylize(content, style, alpha=1.2)
    with pytest.raises(StylizeError, match="alpha"):
        engine.stylize(content, style, alpha=float("nan"))
    with pytest.raises(StylizeError, match="size"):
        engine.stylize(content, style, size=0)
    with pytest.raises(StylizeError, match="color"):
        engine.stylize(content, style, color="sepia")  # type: ignore[arg-type]
    for stroke in (0.1, 9, float("nan")):
        with pytest.raises(StylizeError, match="stroke"):
            engine.stylize(content, style, stroke=stroke)
    with pytest.raises(StylizeError, match="style size"):
        engine.style_statistics(content, 3)
    small = StyleEngine(slim, "torch", "cpu", max_pixels=2_000)
    with pytest.raises(StylizeError, match=r"20000×10000 .* size of up to 63"):
        small.stylize(content, style, size=20_000)
    assert small.stylize(content, style, size=63).width == 63


def test_damaged_weights_are_told(untrained: SlimAdaIN, photo: Photo) -> None:
    engine = StyleEngine(untrained, "torch", "cpu")
    style = torch.full((1, untrained.statistics_width), float("nan"))
    with pytest.raises(CompositionError, match="no numbers"):
        engine.stylize(photo(size=16), style)


def test_a_long_narrow_style_is_bounded(slim: StyleNetwork) -> None:
    runtime = CountingRuntime(slim)
    StyleEngine(slim, runtime).style_statistics(Picture(np.zeros((32, 3_000, 3), np.uint8)), 32)
    ((shape, weight),) = runtime.encoded
    assert weight is not None
    assert float(weight.sum()) * 8 * 8 <= 4.5 * 32**2  # what counts, and a little padding around it
    assert shape[2] * shape[3] <= 20 * 32**2


def test_a_network_of_any_style_needs_one(engine: StyleEngine, photo: Photo) -> None:
    with pytest.raises(StylizeError, match="give one"):
        engine.stylize(photo(size=16))


def test_mix() -> None:
    one, other = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 6.0]])
    torch.testing.assert_close(mix([one, other]), torch.tensor([[2.0, 4.0]]))
    torch.testing.assert_close(mix([one, other], [3, 1]), torch.tensor([[1.5, 3.0]]))
    torch.testing.assert_close(mix([one, other], [0, 5]), other)
    for weights in ([1.0], [0.0, 0.0], [2.0, -1.0], [float("nan"), 1.0]):
        with pytest.raises(StylizeError):
            mix([one, other], weights)
    with pytest.raises(StylizeError):
        mix([])
