"""Renders that are stopped or killed, and go on from their segments."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from support.films import read_back, sliding

from nst_core.images.picture import Picture
from nst_core.networks.files import save_network
from nst_core.networks.slim import SlimAdaIN
from nst_core.video.config import VideoReport, VideoStopped

pytest.importorskip("av")
pytest.importorskip("cv2")
from tests.support.clips import write_clip


@pytest.mark.parametrize("parallel", [1, 3])
def test_progress_preview_and_stop(
    render: Callable[..., VideoReport], tmp_path: Path, parallel: int
) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 30), sound=None)
    steps: list[tuple[str, int, int]] = []
    previews: list[Picture] = []

    def tell(stage: str, step: int, total: int, fps: float, eta_s: float) -> None:
        if stage == "render":
            assert fps > 0
            assert eta_s == pytest.approx((total - step) / fps)
        steps.append((stage, step, total))

    with pytest.raises(VideoStopped):
        render(
            source, tmp_path / "out.mp4", segment_frames=8, on_progress=tell,
            on_preview=previews.append, should_stop=lambda: len(steps) >= 20, parallel=parallel,
        )  # fmt: skip
    assert steps[:20] == [("render", number, 30) for number in range(1, 21)]
    assert len(steps) <= 21  # within a frame
    assert previews[0].pixels.shape == (48, 64, 3)
    assert not list(tmp_path.glob("out.mp4*"))
    report = render(source, tmp_path / "out.mp4", segment_frames=8)
    assert (report.resumed_from, report.rendered, report.frames) == (16, 14, 30)


def test_an_other_job_does_not_take_over_the_segments(
    render: Callable[..., VideoReport], tmp_path: Path
) -> None:
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 20), sound=None)
    done = []
    with pytest.raises(VideoStopped):
        render(
            source, tmp_path / "out.mp4", segment_frames=5, on_progress=lambda *step: done.append(step),
            should_stop=lambda: len(done) > 12,
        )  # fmt: skip
    report = render(source, tmp_path / "out.mp4", segment_frames=5, alpha=0.3)
    assert report.resumed_from == 0


KILLED = """
import sys
import threading
from pathlib import Path
import torch
torch.set_num_threads(1)
from nst_core.stylize.style_engine import StyleEngine
from nst_core.images.picture import read_picture
from nst_core.video.stylizer import VideoStylizer
from nst_core.video.config import VideoConfig
source, style, target, work, network = map(Path, sys.argv[1:6])
engine = StyleEngine(network, "torch", "cpu")
statistics = engine.style_statistics(read_picture(style), 64)
def tell(stage, step, total, fps, eta_s):
    print(stage, step, flush=True)
    if [stage, step] == ["render", int(sys.argv[6])]:
        threading.Event().wait()  # until it is killed
report = VideoStylizer(engine).stylize(
    source, statistics, target, work, VideoConfig(segment_frames=6), on_progress=tell)
print("resumed", report.resumed_from, flush=True)
"""


@pytest.mark.integration
@pytest.mark.parametrize("name", ["out.mp4", "out.webm"])
def test_a_kill_in_the_middle_changes_nothing(
    style_picture: Picture, untrained: SlimAdaIN, tmp_path: Path, name: str
) -> None:
    network = save_network(untrained, tmp_path / "net.safetensors")
    Image.fromarray(style_picture.pixels).save(tmp_path / "style.png")
    source = write_clip(tmp_path / "in.mp4", sliding(64, 48, 40))

    def command(target: Path, work: str, at: int = 0) -> list[str]:
        paths = [source, tmp_path / "style.png", target, tmp_path / work, network]
        return [sys.executable, "-c", KILLED, *map(str, paths), str(at)]

    whole, target = tmp_path / f"whole_{name}", tmp_path / name
    subprocess.run(command(whole, "one"), check=True, capture_output=True)
    for at in (9, 27):
        process = subprocess.Popen(command(target, "two", at), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if line.split() == ["render", str(at)]:
                os.kill(process.pid, signal.SIGKILL)
                break
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        assert not target.exists()
    last = subprocess.run(command(target, "two"), check=True, capture_output=True, text=True)
    resumed = int(last.stdout.split()[-1])
    assert resumed in (18, 24)  # a segment may be written when it is killed
    assert target.read_bytes() == whole.read_bytes()
    assert len(read_back(target)["frames"]) == 40
