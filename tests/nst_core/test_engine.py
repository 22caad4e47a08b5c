from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch

from nst_core.color import luma
from nst_core.engine import FADE, StyleEngine, StylizeError, mix
from nst_core.images import Picture, encode_picture, resize_picture, to_tensor
from nst_core.slim import SlimAdaIN
from nst_core.style_network import StyleNetwork

Photo = Callable[..., Picture]


@pytest.fixture(scope="module")
def engine(slim: StyleNetwork) -> StyleEngine:
    return StyleEngine(slim, "torch", "cpu")


@pytest.fixture(scope="module")
def style(engine: StyleEngine, photo: Photo) -> torch.Tensor:
    return engine.style_statistics(photo("coffee", 96), 64)


def difference(one: Picture, other: Picture) -> float:
    return float(np.abs(one.pixels.astype(float) - other.pixels.astype(float)).mean())


@pytest.mark.parametrize("preserve_color", [False, True])
@pytest.mark.parametrize("size", [None, 40])
def test_alpha_zero_is_the_source_bit_for_bit(
    engine: StyleEngine, style: torch.Tensor, photo: Photo, preserve_color: bool, size: int | None
) -> None:
    content = photo(size=64)
    result = engine.stylize(content, style, alpha=0, size=size, preserve_color=preserve_color)
    expected = content if size is None else resize_picture(content, size)
    np.testing.assert_array_equal(result.pixels, expected.pixels)


@pytest.mark.parametrize("preserve_color", [False, True])
@pytest.mark.parametrize("name", ["astronaut", "chelsea"])
def test_difference_from_the_content_rises_with_alpha(
    engine: StyleEngine, style: torch.Tensor, photo: Photo, name: str, preserve_color: bool
) -> None:
    content = photo(name, 96)
    strengths = sorted({0, 0.01, 0.05, 0.1, 0.15, 0.3, FADE, 0.5, 0.6, 0.75, 1})
    results = [
        engine.stylize(content, style, alpha=a, preserve_color=preserve_color) for a in strengths
    ]
    differences = [difference(result, content) for result in results]
    assert all(low < high for low, high in pairwise(differences)), differences
    assert differences[1] < 1.5  # no jump at zero
    assert differences[-1] > 5


def test_no_jump_where_the_fade_ends(engine: StyleEngine, style: torch.Tensor, photo: Photo) -> None:
    content = photo(size=64)
    below, above = (engine.stylize(content, style, alpha=FADE + step) for step in (-0.001, 0.001))
    assert difference(below, above) < 1


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 50), (50, 3), (37, 53), (16, 16), (2, 300)])
def test_any_size(engine: StyleEngine, style: torch.Tensor, width: int, height: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    result = engine.stylize(Picture(pixels), style, alpha=1)
    assert result.pixels.shape == pixels.shape
    assert engine.style_statistics(Picture(pixels), 32).isfinite().all()


def test_padding_hardly_disturbs_the_picture(
    engine: StyleEngine, style: torch.Tensor, photo: Photo
) -> None:
    whole = photo(size=128)
    cut = Picture(whole.pixels[:123, :125].copy())
    one, other = engine.stylize(whole, style, alpha=1), engine.stylize(cut, style, alpha=1)
    assert difference(Picture(one.pixels[:123, :125]), other) < 4


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
    kept = engine.stylize(content, style, alpha=1, preserve_color=True)

    def chroma(picture: Picture) -> torch.Tensor:
        image = to_tensor(picture.pixels)
        return image - luma(image)

    lost = (chroma(plain) - chroma(content)).abs().mean()
    assert (chroma(kept) - chroma(content)).abs().mean() < 0.25 * lost
    assert (luma(to_tensor(kept.pixels)) - luma(to_tensor(plain.pixels))).abs().mean() < 0.01


def test_a_grey_content_stays_grey(engine: StyleEngine, style: torch.Tensor, photo: Photo) -> None:
    grey = photo(size=48).pixels[..., :1].repeat(3, axis=2)
    kept = engine.stylize(Picture(grey), style, alpha=1, preserve_color=True).pixels.astype(int)
    assert (kept.max(2) - kept.min(2)).max() <= 1


def test_alpha_channel_and_format_are_the_contents(
    engine: StyleEngine, style: torch.Tensor, photo: Photo
) -> None:
    alpha = np.arange(48 * 48, dtype=np.uint32).astype(np.uint8).reshape(48, 48)
    content = Picture(photo(size=48).pixels, alpha, "WEBP")
    result = engine.stylize(content, style)
    np.testing.assert_array_equal(result.alpha, alpha)
    assert result.format == "WEBP"


def test_no_checkerboard_on_flat_grey(engine: StyleEngine, style: torch.Tensor) -> None:
    flat = Picture(np.full((64, 64, 3), 128, np.uint8))
    output = engine.stylize(flat, style, alpha=1).pixels.astype(float)
    rows, columns = np.indices((64, 64))
    for pattern in ((-1.0) ** (rows + columns), (-1.0) ** rows, (-1.0) ** columns):
        assert np.abs((output * pattern[..., None]).mean((0, 1))).max() < 1.5


def test_progress_names_each_stage(engine: StyleEngine, style: torch.Tensor, photo: Photo) -> None:
    heard: list[tuple[str, int, int]] = []
    engine.stylize(photo(size=32), style, on_progress=lambda *event: heard.append(event))
    assert [stage for stage, _, _ in heard[::2]] == ["prepare", "render", "finish"]
    assert all(0 <= step <= total for _, step, total in heard)
    assert heard[-1][1] == heard[-1][2]


def test_refusals(engine: StyleEngine, style: torch.Tensor, slim: StyleNetwork) -> None:
    content = Picture(np.zeros((8, 16, 3), np.uint8))
    with pytest.raises(StylizeError, match="alpha"):
        engine.stylize(content, style, alpha=1.2)
    with pytest.raises(StylizeError, match="alpha"):
        engine.stylize(content, style, alpha=float("nan"))
    with pytest.raises(StylizeError, match="size"):
        engine.stylize(content, style, size=0)
    with pytest.raises(StylizeError, match="style size"):
        engine.style_statistics(content, 3)
    small = StyleEngine(slim, "torch", "cpu", max_pixels=2_000)
    with pytest.raises(StylizeError, match=r"20000×10000 .* size of up to 63"):
        small.stylize(content, style, size=20_000)
    assert small.stylize(content, style, size=63).width == 63


def test_damaged_weights_are_told(untrained: SlimAdaIN, photo: Photo) -> None:
    engine = StyleEngine(untrained, "torch", "cpu")
    style = torch.full((1, untrained.statistics_width), float("nan"))
    with pytest.raises(StylizeError, match="no numbers"):
        engine.stylize(photo(size=16), style)


def test_a_ribbon_as_style_is_bounded(engine: StyleEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    measure = engine.runtime.statistics
    monkeypatch.setattr(
        engine.runtime,
        "statistics",
        lambda image, weight: (seen.append((image.shape, weight)), measure(image, weight))[1],
    )
    engine.style_statistics(Picture(np.zeros((32, 3_000, 3), np.uint8)), 32)
    ((shape, weight),) = seen
    assert float(weight.sum()) * 8 * 8 <= 4.5 * 32**2  # what counts, and a little padding around it
    assert shape[2] * shape[3] <= 20 * 32**2


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
