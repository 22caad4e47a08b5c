from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.films import sliding, texture

pytest.importorskip("av")
pytest.importorskip("cv2")
from nst_core.evaluation.warping_error import measure_videos, warping_error
from nst_core.images.picture import Picture
from nst_core.networks.slim import SlimAdaIN
from nst_core.stylize.style_engine import StyleEngine
from nst_core.video.config import VideoConfig, VideoError
from nst_core.video.flow import FlowEstimator, Motion
from tests.support.clips import cuts_and_occlusions, write_clip

LOSSLESS = {"codec": "ffv1", "pixel_format": "bgr0", "sound": None}


def test_the_formula_by_hand() -> None:
    before, now = np.zeros((4, 6, 3), np.float32), np.full((4, 6, 3), 0.5, np.float32)
    now[:, 3:] = 0.9
    mask = np.zeros((4, 6), np.float32)
    mask[:, :3] = 1  # the right half does not count
    still = np.zeros((4, 6, 2), np.float32)
    assert warping_error(before, now, Motion(still, mask, mask, False)) == pytest.approx(0.5)
    assert warping_error(before, now, Motion(still, mask * 0, mask, False)) is None
    flow = still.copy()
    flow[..., 0] = -1  # one column to the left, before
    ramp = np.repeat(np.arange(6, dtype=np.float32)[None, :, None] / 10, 4, 0).repeat(3, 2)
    mask[:, 0] = 0
    moved = np.concatenate([ramp[:, :1], ramp[:, :-1]], 1)
    assert warping_error(ramp, moved, Motion(flow, mask, mask, False)) == pytest.approx(0, abs=1e-3)


def test_what_moves_along_is_calm_and_what_does_not_is_not(tmp_path: Path) -> None:
    frames = list(sliding(160, 96, 12, step=2))
    source = write_clip(tmp_path / "source.mkv", frames, **LOSSLESS)  # type: ignore[arg-type]
    along = [255 - frame for frame in frames]
    curtain = [(frame // 2 + texture(160, 96, seed=3) // 2) for frame in frames]
    errors = []
    for name, made in (("along.mkv", along), ("curtain.mkv", curtain)):
        path = write_clip(tmp_path / name, made, **LOSSLESS)  # type: ignore[arg-type]
        own, stylised = measure_videos(source, path)
        assert stylised.pairs == 11
        errors.append(stylised.warping_error)
    assert errors[0] == pytest.approx(own.warping_error, rel=0.02)
    assert errors[1] > 3 * errors[0]


def test_ours_is_calmer_than_simpler_ways(untrained: SlimAdaIN, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    noisy = (
        np.clip(frame + random.normal(0, 6, frame.shape), 0, 255).astype(np.uint8)
        for frame in sliding(160, 96, 16, step=3)
    )
    source = write_clip(tmp_path / "source.mkv", noisy, **LOSSLESS)  # type: ignore[arg-type]
    engine = StyleEngine(untrained, "torch", "cpu")
    style = engine.style_statistics(Picture(texture(64, 64, seed=9)), 64)
    config = VideoConfig(temporal=1.0, alpha=1.0)
    rows = measure_videos(source, source, engine=engine, style=style, config=config)
    names = [row.video for row in rows]
    assert names == [
        "source.mkv", "source.mkv", "each frame by itself", "moving average of 5 frames",
        "ours, not encoded",
    ]  # fmt: skip
    alone, average, ours = (row.warping_error for row in rows[2:])
    assert ours < 0.7 * alone
    assert ours < average


def test_videos_that_do_not_belong_together(tmp_path: Path) -> None:
    one = write_clip(tmp_path / "one.mkv", sliding(96, 64, 20), **LOSSLESS)  # type: ignore[arg-type]
    other = write_clip(tmp_path / "other.mkv", sliding(96, 64, 8), **LOSSLESS)  # type: ignore[arg-type]
    with pytest.raises(VideoError, match="do not belong together"):
        measure_videos(one, other)


def test_sound_that_outlasts_the_picture_is_no_other_video(tmp_path: Path) -> None:
    """The header's length is that of the sound, and tells nothing about frames."""
    import av

    path = tmp_path / "source.mkv"
    write_clip(path, sliding(96, 64, 20), codec="ffv1", pixel_format="bgr0")
    longer = tmp_path / "longer.mkv"
    with (
        av.open(str(path)) as picture,
        av.open(str(write_clip(tmp_path / "long.mkv", sliding(96, 64, 200)))) as sound,
        av.open(str(longer), "w") as target,
    ):
        pairs = [(picture, picture.streams.video[0]), (sound, sound.streams.audio[0])]
        outs = [target.add_stream_from_template(stream) for _, stream in pairs]
        for (source, stream), out in zip(pairs, outs, strict=True):
            for packet in source.demux(stream):
                if packet.dts is not None:
                    packet.stream = out
                    target.mux(packet)
    assert [row.pairs for row in measure_videos(longer, path)] == [19, 19]


def test_the_clips_of_the_gallery_have_cuts_and_occlusions() -> None:
    data = pytest.importorskip("skimage.data")
    names = ("coffee", "chelsea", "astronaut")
    images = [Image.fromarray(getattr(data, name)()) for name in names]
    flow = FlowEstimator()
    greys = [flow.grey(frame) for frame in cuts_and_occlusions(images, 240, 136, 72)]
    motions = [flow.between(before, now) for before, now in pairwise(greys)]
    flow.close()
    assert [number + 1 for number, motion in enumerate(motions) if motion.cut] == [24, 48]
    covered = [motion.reliable.mean() for motion in motions[8:16]]  # the disc is in the picture
    assert all(0.3 < share < 0.97 for share in covered), covered
