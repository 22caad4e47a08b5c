"""Stages of a render: threads side by side, and several frames at a time on a card."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from support.films import frames_of, sliding
from support.patience import PATIENCE

from nst_core.images.picture import Picture
from nst_core.networks.slim import SlimAdaIN
from nst_core.stylize.style_engine import StyleEngine
from nst_core.video.config import VideoConfig, VideoError, VideoReport, VideoStopped
from nst_core.video.reader import VideoReader

pytest.importorskip("av")
pytest.importorskip("cv2")
from nst_core.video.flow import FlowEstimator
from nst_core.video.painter import FramePainter
from nst_core.video.stylizer import VideoStylizer
from nst_core.video.temporal import PaintedFrame, TemporalPainter
from nst_core.video.writer import SegmentWriter
from tests.support.clips import write_clip


def test_threads_give_the_frames_of_one_loop(
    style_picture: Picture, render: Callable[..., VideoReport], engine: StyleEngine, tmp_path: Path
) -> None:
    frames = [*sliding(64, 48, 5), *sliding(64, 48, 5, seed=5)]
    source = write_clip(tmp_path / "in.mkv", frames, codec="ffv1", pixel_format="bgr0", sound=None)
    report = render(source, tmp_path / "out", segment_frames=4)
    config = VideoConfig()
    temporal = TemporalPainter(
        FramePainter(engine, engine.style_statistics(style_picture, 64), config), config
    )
    with VideoReader(source) as reader, closing(FlowEstimator()) as flow:
        moved = temporal.with_motion(reader.frames(), flow)
        loop = list(temporal.finished(temporal.painted(moved, reader.time_base)))
    assert (loop[-1].state.cuts, report.cuts) == (1, 1)
    for alone, found in zip(loop, frames_of(tmp_path / "out"), strict=True):
        np.testing.assert_array_equal(alone.pixels, found)


def test_a_frame_is_encoded_while_the_next_is_blended(
    render: Callable[..., VideoReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 4), sound=None)
    blended, written = threading.Event(), []
    blend, write = TemporalPainter.stabilized, SegmentWriter.write

    def blending(self: TemporalPainter, item: PaintedFrame, previous: Any) -> Any:
        if item.frame.index == 1:
            blended.set()
        return blend(self, item, previous)

    def writing(self: SegmentWriter, *frame: Any) -> None:
        assert blended.wait(PATIENCE)
        written.append(frame)
        write(self, *frame)

    monkeypatch.setattr(TemporalPainter, "stabilized", blending)
    monkeypatch.setattr(SegmentWriter, "write", writing)
    report = render(source, tmp_path / "out.mp4")
    assert len(written) == 4
    assert list(report.seconds_by_stage) == ["decode", "flow", "network", "blend", "encode", "join"]


def test_an_error_of_the_blend_ends_the_render(
    render: Callable[..., VideoReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 4), sound=None)

    def broken(*_: Any) -> Any:
        raise VideoError("The flow is broken.")

    monkeypatch.setattr(TemporalPainter, "stabilized", broken)
    with pytest.raises(VideoError, match="flow is broken"):
        render(source, tmp_path / "out.mp4")


def test_a_card_gets_several_frames_at_a_time(style_picture: Picture, engine: StyleEngine) -> None:
    style = engine.style_statistics(style_picture, 64)
    painter = FramePainter(engine, style)
    assert TemporalPainter(painter, VideoConfig()).parallel == 1
    engine.renderer = lambda *_: Mock(device="cuda:1")  # type: ignore[method-assign]
    on_card = FramePainter(engine, style)
    assert TemporalPainter(on_card, VideoConfig()).parallel == 3
    assert TemporalPainter(on_card, VideoConfig(parallel=1)).parallel == 1


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_frames_painted_at_a_time_are_the_same_frames(
    style_picture: Picture, untrained: SlimAdaIN, tmp_path: Path, runtime: str
) -> None:
    if runtime != "torch":
        pytest.importorskip(runtime)
    # A cut, so that the statistics begin anew while frames before it are painted.
    frames = [*sliding(64, 48, 7), *sliding(64, 48, 7, seed=5)]
    source = write_clip(tmp_path / "in.mp4", frames, 10, sound=None)
    engine = StyleEngine(untrained, runtime, "cpu")
    style = engine.style_statistics(style_picture, 64)
    files = []
    for parallel in (1, 2, 5):
        target = tmp_path / f"{parallel}.mp4"
        config = VideoConfig(alpha_points=[(0.0, 0.2), (1.0, 1.0)], segment_frames=6, parallel=parallel)
        report = VideoStylizer(engine).stylize(source, style, target, tmp_path / "work", config)
        assert report.cuts == 1
        files.append(target.read_bytes())
    assert files[0] == files[1] == files[2]


def test_a_run_may_go_on_with_another_number_of_frames_at_a_time(
    render: Callable[..., VideoReport], tmp_path: Path
) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 20), sound=None)
    render(source, tmp_path / "whole.mp4", segment_frames=6)
    shown: list[int] = []
    with pytest.raises(VideoStopped):
        render(
            source, tmp_path / "out.mp4", segment_frames=6, parallel=3,
            on_progress=lambda stage, step, *_: shown.append(step), should_stop=lambda: len(shown) > 9,
        )  # fmt: skip
    report = render(source, tmp_path / "out.mp4", segment_frames=6, parallel=2)
    assert report.resumed_from == 6
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
