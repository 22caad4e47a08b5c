from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from nst_core.evaluation.baselines import color_transfer, content_itself
from nst_core.evaluation.quality import Judge, structural_similarity
from nst_core.images.color import luma
from nst_core.images.picture import Picture, resize_exactly, to_tensor
from nst_core.networks.base import StyleNetwork
from nst_core.networks.vgg import load_vgg
from nst_core.stylize.style_engine import StyleEngine

Photo = Callable[..., Picture]


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(style_size=128)


def by_hand(output: Picture, content: Picture, style: Picture) -> tuple[float, float, float]:
    """The figures from their definition, with unbiased deviations and Gram matrices per pixel."""
    moment_layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    gram_layers = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    vgg = load_vgg((*moment_layers, *gram_layers), reflect=True)
    o, c, s = (vgg(to_tensor(picture.pixels)) for picture in (output, content, style))

    def normal(f: torch.Tensor) -> torch.Tensor:
        return (f - f.mean((2, 3), keepdim=True)) / (f.std((2, 3), keepdim=True) + 1e-5)

    def gram(f: torch.Tensor) -> torch.Tensor:
        flat = f.flatten(2)
        return flat @ flat.transpose(1, 2) / flat.shape[2]

    a, b = normal(o["relu4_1"]), normal(c["relu4_1"])
    content_figure = ((a - b) ** 2).sum() / (b**2).sum()
    style_figure = torch.zeros(())
    for layer in moment_layers:
        mine = torch.cat((o[layer].mean((2, 3)), o[layer].std((2, 3))))
        theirs = torch.cat((s[layer].mean((2, 3)), s[layer].std((2, 3))))
        style_figure = style_figure + functional.mse_loss(mine, theirs) / theirs.square().mean() / 4
    gram_figure = sum(
        (gram(o[layer]) - gram(s[layer])).square().sum() / gram(s[layer]).square().sum() / 4
        for layer in gram_layers
    )
    return float(content_figure), float(style_figure), float(gram_figure)


def test_figures_are_the_definitions(judge: Judge, photo: Photo) -> None:
    content, style = photo("astronaut", 128), photo("coffee", 128)
    output = color_transfer(content, style)
    figures = judge.figures(output, judge.content_target(content, 128, 128), judge.style_target(style))
    expected = by_hand(output, content, style)
    assert (figures.content, figures.style, figures.gram) == pytest.approx(expected, rel=4e-3, abs=1e-3)


def test_a_picture_scores_zero_against_itself(judge: Judge, photo: Photo) -> None:
    picture = photo("chelsea", 128)
    figures = judge.figures(
        picture, judge.content_target(picture, 128, 128), judge.style_target(picture)
    )
    assert max(figures.content, figures.style, figures.gram, figures.features) < 1e-5
    assert figures.ssim == pytest.approx(1, abs=1e-5)


def test_similarity_is_that_of_scikit_image(photo: Photo) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    one, other = (luma(to_tensor(photo(name, 64).pixels)) for name in ("astronaut", "chelsea"))
    for change in (other, 0.7 * one + 0.1, (one + 0.1 * torch.rand_like(one)).clamp(0, 1)):
        whole = metrics.structural_similarity(
            one[0, 0].numpy(), change[0, 0].numpy(), data_range=1.0, gaussian_weights=True,
            sigma=1.5, use_sample_covariance=False, full=True,
        )[1]  # fmt: skip
        # Ours takes only the places whose whole window lies in the picture.
        assert structural_similarity(one, change) == pytest.approx(whole[5:-5, 5:-5].mean(), abs=1e-4)
    tiny = torch.rand(1, 1, 3, 40)
    assert structural_similarity(tiny, tiny) == pytest.approx(1)


def test_features_tell_a_blur_from_a_shift_of_brightness(judge: Judge, photo: Photo) -> None:
    picture = photo("astronaut", 96)
    target, style = judge.content_target(picture, 96, 96), judge.style_target(picture)
    small = resize_exactly(resize_exactly(picture, 24, 24), 96, 96)
    brighter = Picture((picture.pixels // 2 + 60).astype(np.uint8))
    blurred, lit = (judge.figures(one, target, style).features for one in (small, brighter))
    assert blurred > 2 * lit > 0


def test_color_transfer_has_the_styles_statistics(photo: Photo) -> None:
    soft = Picture((photo("chelsea", 48).pixels // 4 + 96).astype(np.uint8))
    moved = color_transfer(soft, Picture((photo("coffee", 48).pixels // 4 + 60).astype(np.uint8)))
    expected = photo("coffee", 48).pixels // 4 + 60
    np.testing.assert_allclose(moved.pixels.mean((0, 1)), expected.mean((0, 1)), atol=1)
    np.testing.assert_allclose(moved.pixels.std((0, 1)), expected.std((0, 1)), atol=1)
    flat = Picture(np.full((4, 4, 3), 9, np.uint8))
    assert color_transfer(flat, soft).pixels.std() < 100
    assert content_itself(soft, flat) is soft


def test_bundled_slim_takes_the_style(slim: StyleNetwork, photo: Photo) -> None:
    """A gate with room to spare: the final weights do far better, broken ones far worse."""
    engine = StyleEngine(slim, "torch", "cpu")
    judge = Judge(style_size=256)
    ratios, contents = [], []
    for content_name, style_name in (("astronaut", "coffee"), ("chelsea", "rocket")):
        content, style = photo(content_name, 256), photo(style_name, 256)
        target, structure = judge.style_target(style), judge.content_target(content, 256, 256)
        output = engine.stylize(content, engine.style_statistics(style, 256), alpha=1, texture=0)
        figures = judge.figures(output, structure, target)
        baseline = judge.figures(content, structure, target)
        ratios.append(figures.style / baseline.style)
        contents.append(figures.content)
    assert max(ratios) < 0.5, ratios
    assert max(contents) < 1.2, contents
