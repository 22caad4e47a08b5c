"""Odd pictures, and artefacts that must not appear."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from nst_core.images.picture import Picture, read_picture
from nst_core.networks.base import StyleNetwork
from nst_core.stylize.request import RenderRequest
from nst_core.stylize.style_engine import StyleEngine
from params.painting import Color

Photo = Callable[..., Picture]


@pytest.fixture(scope="module")
def engine(slim: StyleNetwork) -> StyleEngine:
    return StyleEngine(slim, "torch", "cpu")


@pytest.fixture(scope="module")
def styles(engine: StyleEngine, photo: Photo) -> list[torch.Tensor]:
    return [engine.style_statistics(photo(name, 96), 64) for name in ("coffee", "rocket")]


SIZES = [(1, 1), (2, 300), (3, 5_000), (5_000, 3), (37, 53), (16, 16), (17, 8), (129, 127)]


@pytest.mark.parametrize("color", get_args(Color))
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_any_size(
    engine: StyleEngine, styles: list[torch.Tensor], width: int, height: int, color: Color
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    content = Picture(pixels)
    match = content if color == "match" else None
    style = engine.style_statistics(content, 32, match=match)
    assert style.isfinite().all()
    result = engine.stylize(content, style, alpha=1, color=color)
    assert result.pixels.shape == pixels.shape
    strokes = engine.stylize(content, styles[0], alpha=1, color=color, stroke=8)
    assert strokes.pixels.shape == pixels.shape


def stored(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def odd_files() -> dict[str, tuple[bytes, bool]]:
    """Name → file of 45 × 30 pixels when upright, and whether it has transparency."""
    y, x = np.mgrid[0:30, 0:45]
    rgb = Image.fromarray(np.stack([x * 5, y * 8, (x + y) * 3], -1).astype(np.uint8))
    grey, alpha = rgb.convert("L"), Image.fromarray((x * 5).astype(np.uint8))
    palette = rgb.quantize(32)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = rgb.transpose(Image.Transpose.ROTATE_90)
    return {
        "greyscale": (stored(grey), False),
        "greyscale with alpha": (stored(Image.merge("LA", (grey, alpha))), True),
        "palette": (stored(palette), False),
        "palette with transparency": (stored(palette, transparency=3), True),
        "one bit": (stored(grey.convert("1")), False),
        "RGBA": (stored(Image.merge("RGBA", (*rgb.split(), alpha))), True),
        "CMYK": (stored(rgb.convert("CMYK"), "JPEG"), False),
        "16 bit": (stored(Image.fromarray((x * 1_400).astype(np.uint16))), False),
        "rotated by EXIF": (stored(turned, "JPEG", exif=exif), False),
        "WebP": (stored(rgb, "WEBP"), False),
    }


@pytest.mark.parametrize("name", odd_files())
def test_any_file(engine: StyleEngine, styles: list[torch.Tensor], name: str) -> None:
    data, transparent = odd_files()[name]
    picture = read_picture(data)
    assert (picture.width, picture.height) == (45, 30)
    assert (picture.alpha is not None) is transparent
    request = RenderRequest(content=picture, style=styles[0], alphas=[0, 1])
    for result in engine.render([request])[0]:
        assert result.pixels.shape == (30, 45, 3)
        assert result.alpha is picture.alpha
    assert engine.stylize(picture, styles[0], size=90).pixels.shape == (60, 90, 3)


def test_padding_hardly_disturbs_the_picture(
    engine: StyleEngine, styles: list[torch.Tensor], photo: Photo
) -> None:
    whole = photo(size=128)
    cut = Picture(whole.pixels[:123, :125].copy())
    one, other = (engine.stylize(picture, styles[0], alpha=1) for picture in (whole, cut))
    assert np.abs(one.pixels[:123, :125].astype(float) - other.pixels).mean() < 4


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("stroke", [None, 8.0])
@pytest.mark.parametrize("side", [64, 133])
def test_a_flat_picture_has_no_frame(
    engine: StyleEngine, styles: list[torch.Tensor], side: int, stroke: float | None, level: int
) -> None:
    flat = Picture(np.full((side, side, 3), level, np.uint8))
    for style in styles:
        output = engine.stylize(flat, style, alpha=1, stroke=stroke, texture=0).pixels.astype(float)
        inside = output[24:-24, 24:-24].mean((0, 1))
        for border in (output[0], output[-1], output[:, 0], output[:, -1]):
            assert np.abs(border.mean(0) - inside).max() < 3


def test_a_gradient_runs_on_to_its_border(engine: StyleEngine, styles: list[torch.Tensor]) -> None:
    ramp = np.linspace(60, 190, 160).astype(np.uint8)
    picture = Picture(np.repeat(np.repeat(ramp[:, None, None], 96, 1), 3, 2))
    for style in styles:
        output = engine.stylize(picture, style, alpha=1, texture=0).pixels.astype(float)
        # Along the ramp nothing changes sideways, so a frame would stand out there.
        inside = output[:, 32:-32].mean(1)
        for border in (output[:, 0], output[:, -1]):
            assert np.abs(border - inside).mean() < 6


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("stroke", [None, 8.0])
@pytest.mark.parametrize("side", [64, 250])
def test_no_checkerboard_on_a_flat_picture(
    engine: StyleEngine, styles: list[torch.Tensor], side: int, stroke: float | None, level: int
) -> None:
    flat = Picture(np.full((side, side, 3), level, np.uint8))
    rows, columns = np.indices((side, side))
    for style in styles:
        output = engine.stylize(flat, style, alpha=1, stroke=stroke, texture=0).pixels.astype(float)
        for pattern in ((-1.0) ** (rows + columns), (-1.0) ** rows, (-1.0) ** columns):
            assert np.abs((output * pattern[..., None]).mean((0, 1))).max() < 1.5
