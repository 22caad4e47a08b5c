"""Times of frames: joined files, reordered frames, starts anywhere, last frames, loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.films import read_back, sliding

from imaging.media_times import loop_count
from nst_core.images.picture import Picture
from nst_core.networks.slim import SlimAdaIN
from nst_core.stylize.style_engine import StyleEngine
from nst_core.video.config import VideoConfig, VideoError, VideoReport
from nst_core.video.reader import VideoReader

av = pytest.importorskip("av")
pytest.importorskip("cv2")
from nst_core.video.stylizer import VideoStylizer  # noqa: E402

RED, BLUE = np.full((48, 64, 3), (250, 0, 0), np.uint8), np.full((48, 64, 3), (0, 0, 250), np.uint8)
Render = Callable[..., VideoReport]


@pytest.fixture
def render(untrained: SlimAdaIN, tmp_path: Path) -> Render:
    engine = StyleEngine(untrained, "torch", "cpu")
    style = engine.style_statistics(Picture(RED), 48)

    def run(
        source: Path, target: Path, notices: list[str] | None = None, **options: Any
    ) -> VideoReport:
        config = VideoConfig(alpha=0.0, temporal=0.0, **options)
        hear = None if notices is None else notices.append
        return VideoStylizer(engine).stylize(
            source, style, target, tmp_path / "work", config, on_notice=hear
        )

    return run


def write(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    codec: str = "libx264",
    rate: int = 10,
    start: int = 0,
    sound: str | None = None,
    durations: Sequence[int] | None = None,
    format_: str | None = None,
    **options: str,
) -> Path:
    """A video whose first frame is at `start` frames; `durations` in milliseconds."""
    frames = list(frames)
    if durations:
        options |= {"tune": "zerolatency"}
    with av.open(str(path), "w", format=format_) as container:
        video = container.add_stream(codec, rate=rate, options=options)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        base = Fraction(1, 1000) if durations else Fraction(1, rate)
        video.codec_context.time_base = base
        tone = container.add_stream(sound, rate=48_000) if sound else None
        time = start
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, base
            step = durations[number] if durations else 1
            time += step
            for packet in video.encode(frame):
                if durations:
                    packet.duration = step
                container.mux(packet)
        container.mux(video.encode(None))
        if tone is not None:
            _tone(container, tone, Fraction(start, rate), Fraction(len(frames), rate))
    return path


def _tone(container: Any, stream: Any, start: Fraction, seconds: Fraction) -> None:
    size = stream.codec_context.frame_size or 1024
    for number in range(int(seconds * 48_000) // size):
        wave = np.sin(np.arange(size) * 2 * np.pi * 440 / 48_000)[None].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2, 0), format="fltp", layout="stereo")
        frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
        frame.pts = int(start * 48_000) + number * size
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def joined(path: Path, *parts: Path) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


@pytest.mark.parametrize(
    ("suffix", "codec", "sound"),
    [("ts", "libx264", None), ("ts", "libx264", "aac"), ("mpg", "mpeg2video", "mp2")],
)
@pytest.mark.parametrize("target", ["out.mp4", "out.mkv"])
def test_joined_files_are_painted_whole_and_in_step(
    render: Render, tmp_path: Path, suffix: str, codec: str, sound: str | None, target: str
) -> None:
    rate = 25 if suffix == "mpg" else 10
    parts = [
        write(tmp_path / f"{name}.{suffix}", [color] * rate, codec=codec, rate=rate, sound=sound)
        for name, color in (("a", RED), ("b", BLUE))
    ]
    notices: list[str] = []
    source = joined(tmp_path / f"in.{suffix}", *parts)
    report = render(source, tmp_path / target, notices)
    found = read_back(tmp_path / target)
    assert report.frames == len(found["frames"]) == 2 * rate
    steps = np.diff([float(time) for time in found["times"]])
    assert steps == pytest.approx(1 / rate, abs=2e-3)
    reds = [frame[24, 32, 0] > 128 for frame in found["frames"]]
    assert reds == [True] * rate + [False] * rate
    assert len(notices) == 1
    assert notices[0].startswith("The clock of the source jumps at 1.0 s")
    if sound:
        start, samples = found["sound"][0]
        assert float(start) + len(samples) / 48_000 == pytest.approx(2.0, abs=0.1)


def test_a_jump_of_an_hour_is_no_hour(render: Render, tmp_path: Path) -> None:
    first = write(tmp_path / "a.ts", [RED] * 5)
    second = write(tmp_path / "b.ts", [BLUE] * 5, start=36_000)
    notices: list[str] = []
    report = render(joined(tmp_path / "in.ts", first, second), tmp_path / "out.mp4", notices)
    assert (report.frames, report.seconds) == (10, 1.0)
    assert len(notices) == 1


def test_a_gap_of_a_second_stays(tmp_path: Path) -> None:
    first = write(tmp_path / "a.ts", [RED] * 5, bf="0")
    second = write(tmp_path / "b.ts", [BLUE] * 5, start=15, bf="0")
    with VideoReader(joined(tmp_path / "in.ts", first, second)) as reader:
        times = [float(frame.pts * reader.time_base) for frame in reader.frames()]
        assert reader.info.jumps_s == ()
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 1.5, 1.6, 1.7, 1.8, 1.9], abs=1e-3)


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"bf": "3"}), ("libx264", {"bf": "0"}), ("mpeg4", {"bf": "2"}), ("mpeg4", {}),
        ("mjpeg", {"strict": "unofficial"}), ("rawvideo", {}), ("ffv1", {}),
    ],
)  # fmt: skip
def test_frames_of_avi_come_at_their_times(tmp_path: Path, codec: str, options: dict[str, str]) -> None:
    frames = [np.full((48, 64, 3), 10 + 11 * number, np.uint8) for number in range(20)]
    path = write(tmp_path / "in.avi", frames, codec=codec, **options)
    with VideoReader(path) as reader:
        found = list(reader.frames())
        assert [float(frame.pts * reader.time_base) for frame in found] == pytest.approx(
            [number / 10 for number in range(20)], abs=1e-3
        )
        assert reader.info.seconds == pytest.approx(2.0)
    levels = [int(frame.pixels[24, 32, 1]) for frame in found]
    assert levels == sorted(levels)


@pytest.mark.parametrize("name", ["in.mkv", "in.webm", "in.ts", "in.mp4"])
@pytest.mark.parametrize("start", [0, 7_000])
def test_a_file_may_start_at_any_time(render: Render, tmp_path: Path, name: str, start: int) -> None:
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    path = write(tmp_path / name, [RED] * 20, codec=codec, start=start)
    notices: list[str] = []
    report = render(path, tmp_path / "out.mp4", notices)
    assert (report.frames, report.seconds) == (20, pytest.approx(2.0, abs=0.01))
    assert notices == []


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.webm", "out.gif"])
def test_the_last_frame_lasts_as_long_as_in_the_source(
    render: Render, tmp_path: Path, target: str
) -> None:
    frames = [Image.fromarray(color) for color in (RED, BLUE, RED, BLUE)]
    for number, durations in enumerate(([100, 100, 100, 2000], [1000, 100, 500, 100])):
        gif = tmp_path / f"in{number}.gif"
        frames[0].save(gif, save_all=True, append_images=frames[1:], duration=durations)
        notices: list[str] = []
        assert render(gif, tmp_path / target, notices).seconds == sum(durations) / 1000
        found = read_back(tmp_path / target)
        starts = np.cumsum([0, *durations[:-1]]) / 1000
        assert [float(time) for time in found["times"]] == pytest.approx(starts, abs=1e-3)
        assert found["seconds"] == pytest.approx(sum(durations) / 1000, abs=0.002)
        assert notices == []
    held = write(tmp_path / "held.mp4", [RED, BLUE, RED], durations=[200, 200, 3000])
    assert render(held, tmp_path / target).seconds == pytest.approx(3.4, abs=0.001)
    assert read_back(tmp_path / target)["seconds"] == pytest.approx(3.4, abs=0.01)
    assert render(held, tmp_path / target, end_s=2.0).seconds == pytest.approx(2.0, abs=0.001)


def test_many_frames_in_a_second(render: Render, tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", sliding(64, 48, 48), rate=480)
    assert render(source, tmp_path / "out.mp4").seconds == pytest.approx(0.1, abs=1e-3)
    assert len(read_back(tmp_path / "out.mp4")["frames"]) == 48


@pytest.mark.parametrize("format_", ["GIF", "PNG", "WEBP"])
def test_short_delays_are_shown_as_long_as_in_browsers(
    render: Render, tmp_path: Path, format_: str
) -> None:
    colors = [(250, 0, 0), (0, 0, 250), (0, 250, 0), (9, 9, 9), (200, 200, 0), (0, 200, 200)]
    frames = [Image.new("RGB", (64, 48), color) for color in colors]
    path = tmp_path / f"in.{format_.lower()}"
    frames[0].save(
        path, format_, save_all=True, append_images=frames[1:], duration=[30, 0, 10, 20, 0, 10]
    )
    for target in ("out.mp4", "out.gif"):
        assert render(path, tmp_path / target).seconds == pytest.approx(0.45, abs=0.001)
        found = read_back(tmp_path / target)
        assert [float(time) for time in found["times"]] == pytest.approx(
            [0, 0.03, 0.13, 0.23, 0.25, 0.35], abs=1e-3
        )


def test_the_last_frame_of_a_gif_is_not_too_short(render: Render, tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", [RED, BLUE], durations=[100, 10])
    render(source, tmp_path / "out.gif")
    with Image.open(tmp_path / "out.gif") as image:
        image.seek(1)
        assert image.info["duration"] == 20  # 10 ms would be shown as 100 ms


@pytest.mark.parametrize(("loop", "plays"), [(0, 0), (2, 3), (None, 1)])
def test_a_gif_is_played_as_often_as_its_source(
    render: Render, tmp_path: Path, loop: int | None, plays: int
) -> None:
    frames = [Image.fromarray(color) for color in (RED, BLUE)]
    options = {} if loop is None else {"loop": loop}
    gif, out = tmp_path / "in.gif", tmp_path / "out.gif"
    frames[0].save(gif, save_all=True, append_images=frames[1:], duration=100, **options)
    assert loop_count(gif.read_bytes()) == plays
    assert loop_count(gif.read_bytes().replace(b"NETSCAPE2.0", b"ANIMEXTS1.0")) == plays
    render(gif, out)
    assert loop_count(out.read_bytes()) == plays


@pytest.mark.parametrize("format_", ["WEBP", "PNG"])
def test_animated_webp_and_apng_are_videos(render: Render, tmp_path: Path, format_: str) -> None:
    frames = [Image.fromarray(color) for color in (RED, BLUE, RED)]
    path = tmp_path / f"in.{format_.lower()}"
    options = {"lossless": True} if format_ == "WEBP" else {}
    frames[0].save(
        path, format_, save_all=True, append_images=frames[1:], duration=[100, 200, 700], **options
    )
    assert render(path, tmp_path / "out.mp4").seconds == pytest.approx(1.0, abs=0.001)
    found = read_back(tmp_path / "out.mp4")
    assert [float(time) for time in found["times"]] == pytest.approx([0, 0.1, 0.3], abs=1e-3)
    assert [frame[24, 32, 0] > 128 for frame in found["frames"]] == [True, False, True]


@pytest.mark.parametrize("name", ["in.mp4", "in.mkv", "in.gif"])
def test_a_video_of_one_frame(render: Render, tmp_path: Path, name: str) -> None:
    if name.endswith("gif"):
        Image.fromarray(RED).save(tmp_path / name)
    else:
        write(tmp_path / name, [RED])
    assert render(tmp_path / name, tmp_path / "out.mp4").frames == 1
    assert len(read_back(tmp_path / "out.mp4")["frames"]) == 1


def test_a_start_behind_the_last_frame_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "in.mp4", [RED] * 10)
    for start in (0.95, 1.0, 7.0):
        with pytest.raises(VideoError, match=r"the start, .* s, is after its last frame, at 0\.9 s"):
            VideoReader(path, start_s=start)


def test_sound_that_is_longer_than_the_picture_is_no_alarm(render: Render, tmp_path: Path) -> None:
    source, long = write(tmp_path / "in.mp4", [RED] * 10), tmp_path / "long.mp4"
    with av.open(str(source)) as video, av.open(str(long), "w") as out:
        stream = out.add_stream_from_template(video.streams.video[0])
        tone = out.add_stream("aac", rate=48_000)
        for packet in video.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
        _tone(out, tone, Fraction(0), Fraction(3))
    notices: list[str] = []
    assert render(long, tmp_path / "out.mp4", notices).seconds == pytest.approx(1.0, abs=0.01)
    assert read_back(tmp_path / "out.mp4")["seconds"] == pytest.approx(3.0, abs=0.1)
    assert notices == []
    with pytest.raises(VideoError, match="after its last frame"):
        VideoReader(long, start_s=2.0)


def test_a_video_that_is_trimmed_to_the_advice_of_its_error_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "in.mkv", sliding(64, 48, 60), codec="ffv1", g="1", slicecrc="1")
    data = bytearray(path.read_bytes())
    at = len(data) * 2 // 3
    data[at : at + 2_000] = bytes(2_000)
    path.write_bytes(data)
    with pytest.raises(VideoError, match="is damaged after") as caught, VideoReader(path) as reader:
        list(reader.frames())
    end = float(str(caught.value).rpartition("an end of ")[2].removesuffix(" s."))
    with VideoReader(path, end_s=end) as reader:
        assert len(list(reader.frames())) == pytest.approx(end * 10, abs=1)


@pytest.mark.parametrize("name", ["clip-12:30.mp4", "a:b/out.mp4", "with space.mp4", "caf\udce9.mp4"])
def test_targets_of_any_name(
    render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    source = write(tmp_path / "in.mp4", [RED] * 3)
    monkeypatch.chdir(tmp_path)
    render(source, Path(name))
    assert Path(name).read_bytes()[4:8] == b"ftyp"
    assert not list(tmp_path.rglob(".atelier*"))
