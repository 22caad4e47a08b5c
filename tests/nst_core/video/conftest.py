"""An engine with an untrained network, and renders of whole videos with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.films import texture

from nst_core.images.picture import Picture
from nst_core.networks.slim import SlimAdaIN
from nst_core.stylize.style_engine import StyleEngine
from nst_core.video.config import VideoConfig, VideoReport


@pytest.fixture(scope="session")
def style_picture() -> Picture:
    """A painting of noise, 64 × 64."""
    return Picture(texture(64, 64, seed=9))


@pytest.fixture
def engine(untrained: SlimAdaIN) -> StyleEngine:
    """An engine with a narrow, untrained network."""
    return StyleEngine(untrained, "torch", "cpu")


@pytest.fixture
def render(engine: StyleEngine, style_picture: Picture, tmp_path: Path) -> Callable[..., VideoReport]:
    """Render a video with the style: `render(source, target, OPTION=value)`."""
    from nst_core.video.stylizer import VideoStylizer

    def run(source: Path, target: Path, **options: object) -> VideoReport:
        listeners = {
            key: options.pop(key) for key in list(options) if key.startswith(("on_", "should"))
        }
        style = engine.style_statistics(style_picture, 64)
        config = VideoConfig(**options)  # type: ignore[arg-type]
        return VideoStylizer(engine).stylize(
            source, style, target, tmp_path / "work", config, **listeners
        )  # type: ignore[arg-type]

    return run
