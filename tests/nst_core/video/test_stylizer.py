from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.films import frames_of, read_back, sliding, texture

from nst_core.images.picture import Picture
from nst_core.stylize.style_engine import StyleEngine
from nst_core.video.config import VideoConfig, VideoError, VideoLimits, VideoReport
from nst_core.video.reader import VideoReader
from params.errors import SettingsError, parse_settings

pytest.importorskip("av")
pytest.importorskip("cv2")
from nst_core.video.stylizer import mosaic
from tests.support.clips import write_clip


@pytest.mark.parametrize("rate", [Fraction(24_000, 1001), Fraction(25), Fraction(30_000, 1001)])
def test_rate_length_sound_and_odd_sizes_are_kept(
    render: Callable[..., VideoReport], tmp_path: Path, rate: Fraction
) -> None:
    frames = sliding(66, 50, 24)
    cropped = (frame[:49, :65] for frame in frames)
    source = write_clip(tmp_path / "in.mkv", cropped, rate, codec="ffv1", pixel_format="bgr0")
    target = tmp_path / "out.mp4"
    report = render(source, target, segment_frames=7)
    found, before = read_back(target), read_back(source)
    assert (found["codec"], found["pixel_format"], found["audio"]) == ("h264", "yuv420p", ["aac"])
    assert found["rate"] == rate
    assert len(found["frames"]) == report.frames == 24
    assert found["frames"][0].shape == (50, 66, 3)  # one row and one column more than 49 × 65
    assert found["times"] == pytest.approx([number / rate for number in range(24)], abs=1e-3)
    assert found["seconds"] == pytest.approx(before["seconds"], abs=0.05)
    (start, sound), (started, heard) = found["sound"][0], before["sound"][0]
    assert start == pytest.approx(started, abs=1e-3)
    np.testing.assert_array_equal(sound, heard)  # copied, not encoded again
    assert report.audio == "copied (aac)"
    assert not (tmp_path / "work").exists()


def test_frames_without_a_steady_rate_keep_their_times(
    render: Callable[..., VideoReport], tmp_path: Path
) -> None:
    times = [0, 40, 55, 155, 160, 400, 420, 430, 900, 940]
    source = write_clip(tmp_path / "in.mkv", sliding(64, 48, 10), 25, times=times, sound=None)
    render(source, tmp_path / "out.mp4", segment_frames=3)
    found = read_back(tmp_path / "out.mp4")
    assert [round(time * 1000) for time in found["times"]] == times


@pytest.mark.parametrize("name", ["out.webm", "out.mov", "out.mkv"])
def test_other_containers(render: Callable[..., VideoReport], tmp_path: Path, name: str) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 10))
    report = render(source, tmp_path / name, segment_frames=4)
    found = read_back(tmp_path / name)
    assert len(found["frames"]) == 10
    assert found["seconds"] == pytest.approx(0.4, abs=0.05)
    webm = name.endswith("webm")
    assert found["audio"] == (["opus"] if webm else ["aac"])
    assert report.audio == ("encoded again (aac to libopus)" if webm else "copied (aac)")
    _, sound = found["sound"][0]
    spectrum = np.abs(np.fft.rfft(sound[4800:14_400]))
    assert 430 < spectrum.argmax() * 48_000 / 9600 < 450  # the tone, at its pitch


@pytest.mark.parametrize("name", ["out.mp4", "out.webm"])
@pytest.mark.parametrize("source_name", ["in.mp4", "in.ts"])
def test_sound_and_picture_stay_together(
    render: Callable[..., VideoReport], tmp_path: Path, source_name: str, name: str
) -> None:
    """At 2 s the picture turns bright and the tone begins; a part from 1.4 s on has both at 0.6 s."""
    frames = [np.full((48, 64, 3), 20 if number < 50 else 230, np.uint8) for number in range(75)]
    source = write_clip(tmp_path / source_name, frames, 25, silent_s=2.0)
    for start, expected in ((0.0, 2.0), (1.4, 0.6)):
        render(source, tmp_path / name, alpha=0.0, start_s=start, end_s=2.8, segment_frames=20)
        found = read_back(tmp_path / name)
        bright = next(
            time for time, frame in zip(found["times"], found["frames"], strict=True)
            if frame.mean() > 128
        )  # fmt: skip
        begin, sound = found["sound"][0]
        level = np.abs(sound) > 0.05 * np.abs(sound).max()
        tone = float(begin) + int(level.argmax()) / 48_000
        # Packets of 21 ms are kept whole, and a file may begin with one before its first frame.
        assert float(bright) == pytest.approx(expected, abs=0.045)
        assert tone == pytest.approx(float(bright), abs=0.045)
        assert found["seconds"] == pytest.approx(2.8 - start, abs=0.06)


def test_gif_and_frames(render: Callable[..., VideoReport], tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(65 - 1, 48, 12), 60)
    render(source, tmp_path / "out.gif", segment_frames=5)
    with Image.open(tmp_path / "out.gif") as image:
        assert image.n_frames == 6  # of 60 in a second, every other
        assert image.info["loop"] == 0
    render(source, tmp_path / "out.zip", segment_frames=5)
    render(source, tmp_path / "frames", segment_frames=5)
    render(source, tmp_path / "out.mkv", segment_frames=5, quality=100)
    names = [f"frame_{number:06}.png" for number in range(1, 13)]
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist() == names
        zipped = [np.array(Image.open(BytesIO(archive.read(name)))) for name in names]
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == names
    encoded = read_back(tmp_path / "out.mkv")["frames"]
    for name, pixels, film in zip(names, zipped, encoded, strict=True):
        np.testing.assert_array_equal(np.array(Image.open(tmp_path / "frames" / name)), pixels)
        assert np.abs(film.astype(int) - pixels).mean() < 12


def test_a_turned_source_comes_out_upright(render: Callable[..., VideoReport], tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 4), sound=None, rotation=90)
    render(source, tmp_path / "out.mp4", alpha=0.0, quality=95)
    with VideoReader(source) as before, VideoReader(tmp_path / "out.mp4") as after:
        assert (after.info.rotation, after.info.width, after.info.height) == (0, 48, 64)
        for one, other in zip(before.frames(), after.frames(), strict=True):
            assert np.abs(one.pixels.astype(int) - other.pixels).mean() < 8


def test_temporal_zero_is_each_frame_by_itself(
    style_picture: Picture, render: Callable[..., VideoReport], engine: StyleEngine, tmp_path: Path
) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 4), sound=None)
    render(source, tmp_path / "out", temporal=0, alpha=1.0)
    style = engine.style_statistics(style_picture, 64)
    with VideoReader(source) as reader:
        for frame, found in zip(reader.frames(), frames_of(tmp_path / "out"), strict=True):
            alone = engine.stylize(Picture(frame.pixels), style, alpha=1.0)
            assert np.abs(alone.pixels.astype(int) - found).max() <= 1


def test_strength_over_time(render: Callable[..., VideoReport], tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 20), 10, sound=None)
    render(source, tmp_path / "out", alpha_points=[(0.5, 0.0), (1.5, 1.0)])
    with VideoReader(source) as reader:
        sources = [frame.pixels for frame in reader.frames()]
    painted = frames_of(tmp_path / "out")
    for number in range(6):  # until half a second nothing happens
        np.testing.assert_array_equal(painted[number], sources[number])
    apart = [
        np.abs(a.astype(int) - b).mean() for a, b in zip(painted[5:16:5], sources[5:16:5], strict=True)
    ]
    assert apart[0] < apart[1] < apart[2]


def test_a_held_picture_becomes_calm_and_does_not_drift(
    render: Callable[..., VideoReport], tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    still = texture(64, 48).astype(int)
    noisy = [
        np.clip(still + random.normal(0, 4, still.shape), 0, 255).astype(np.uint8) for _ in range(40)
    ]
    source = write_clip(tmp_path / "in.mkv", noisy, codec="ffv1", pixel_format="bgr0", sound=None)
    render(source, tmp_path / "calm", temporal=1.0)
    render(source, tmp_path / "alone", temporal=0.0)
    calm, alone = frames_of(tmp_path / "calm"), frames_of(tmp_path / "alone")

    def flicker(frames: list[np.ndarray]) -> float:
        steps = pairwise(frames[20:])
        return float(np.mean([np.abs(a.astype(int) - b)[8:-8, 8:-8].mean() for a, b in steps]))

    assert flicker(calm) < 0.3 * flicker(alone)
    assert abs(calm[-1].mean() - np.mean([frame.mean() for frame in alone])) < 1.0


def test_a_cut_starts_anew(render: Callable[..., VideoReport], tmp_path: Path) -> None:
    def scenes() -> Iterator[np.ndarray]:
        yield from sliding(96, 64, 8)
        yield from sliding(96, 64, 8, seed=4)

    options = {"codec": "ffv1", "pixel_format": "bgr0", "sound": None}
    source = write_clip(tmp_path / "in.mkv", scenes(), **options)  # type: ignore[arg-type]
    second = write_clip(tmp_path / "second.mkv", sliding(96, 64, 8, seed=4), **options)  # type: ignore[arg-type]
    report = render(source, tmp_path / "out", temporal=1.0)
    render(second, tmp_path / "alone", temporal=1.0)
    assert report.cuts == 1
    both = zip(frames_of(tmp_path / "out")[8:], frames_of(tmp_path / "alone"), strict=True)
    for in_film, alone in both:  # nothing of the first scene is left
        np.testing.assert_array_equal(in_film, alone)


def test_no_more_is_written_than_allowed(render: Callable[..., VideoReport], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    noise = (random.integers(0, 256, (240, 320, 3), np.uint8) for _ in range(40))
    source = write_clip(tmp_path / "in.mp4", noise, sound=None)
    options = {"segment_frames": 4, "alpha": 0.0, "limits": VideoLimits(megabytes=1)}
    with pytest.raises(VideoError, match=r"frames take \d MB, more than the limit of 1 MB"):
        render(source, tmp_path / "out.zip", **options)
    assert not (tmp_path / "out.zip").exists()
    written = sum(path.stat().st_size for path in (tmp_path / "work").glob("segment_*"))
    assert written < 2_500_000  # it ended at the first segment beyond
    assert render(source, tmp_path / "out.mp4", quality=20, **options).frames == 40


def test_memory_does_not_grow_with_length(render: Callable[..., VideoReport], tmp_path: Path) -> None:
    import tracemalloc

    peaks = []
    for count in (30, 120):
        source = write_clip(tmp_path / f"{count}.mp4", sliding(96, 64, count), sound=None)
        tracemalloc.start()
        render(source, tmp_path / f"{count}.out.mp4", segment_frames=10)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]  # 120 frames of 18 kB would be 2 MB more


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temporal": 1.5}, "temporal: Input should be less than or equal to 1"),
        ({"alpha_points": [(1.0, 0.2), (0.5, 0.3)]}, "The times of alpha_points rise"),
        ({"alpha": 2.0}, "alpha: Input should be less than or equal to 1"),
        ({"start_s": 2.0, "end_s": 1.0}, r"The end \(1 s\) is not after the start \(2 s\)"),
        ({"color": "blue"}, "color: Input should be 'style', 'luminance' or 'match'"),
        ({"quality": 0}, "quality: Input should be greater than or equal to 1"),
        ({"format": "avi"}, "format: Input should be 'mp4'"),
        ({"parallel": 0}, "parallel: Input should be greater than or equal to 1"),
    ],
)
def test_options_out_of_range(options: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_settings(VideoConfig, options)


def test_targets_that_make_no_sense(render: Callable[..., VideoReport], tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 4), sound=None)
    with pytest.raises(VideoError, match="ends in none of"):
        render(source, tmp_path / "out.xyz")
    with pytest.raises(VideoError, match="is a folder that is there already"):
        render(source, tmp_path)


def test_a_mosaic_shows_all_of_a_video(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 30), sound=None)
    picture = mosaic(source, VideoConfig())
    assert picture.width == 160
    assert picture.height >= 9 * 120


def test_a_mosaic_is_small_whatever_the_header_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 60), sound=None)
    monkeypatch.setattr("nst_core.video.reader.header_s", lambda media: 0.04)
    assert mosaic(source, VideoConfig()).height == 10 * 120


def test_a_picture_that_ends_early_is_told(
    render: Callable[..., VideoReport], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = write_clip(tmp_path / "in.mkv", sliding(64, 48, 10), sound=None)
    told: list[str] = []
    render(source, tmp_path / "whole.mp4", on_notice=told.append)
    assert told == []
    monkeypatch.setattr("nst_core.video.reader.header_s", lambda media: 5.0)
    render(source, tmp_path / "out.mp4", on_notice=told.append)
    assert told == ["The picture ends after 0.4 s of 5.0 s. Is the source whole?"]


def test_the_config_loads_no_torch() -> None:
    code = "import sys, nst_core.video.config; sys.exit('torch' in sys.modules or 'av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_the_libraries_there_is_a_sentence(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 4), sound=None)
    code = f"""
import sys
from pathlib import Path
for name in ("av", "cv2", "onnx", "onnxscript", "onnxruntime", "openvino"): sys.modules[name] = None
import nst_core.evaluation.warping_error, nst_core.export.export, nst_core.networks.foreign
from nst_core.video.flow import FlowEstimator
from nst_core.video.reader import VideoReader
for call in (lambda: VideoReader(Path({str(source)!r})), FlowEstimator):
    try: call()
    except Exception as error: print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all("pip install" in line for line in lines)


def test_reports_are_json(render: Callable[..., VideoReport], tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 6), sound=None)
    began = time.perf_counter()
    document = json.loads(json.dumps(render(source, tmp_path / "out.mp4").as_dict()))
    assert document["audio"] == "none"
    assert sum(document["share_by_stage"].values()) == pytest.approx(1, abs=1e-3)
    assert 0 < document["elapsed_s"] <= time.perf_counter() - began
    assert torch.is_inference_mode_enabled() is False
