"""Audio tracks and transparency of videos: copied, encoded again, or laid on white."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nst_core.images.picture import Picture
from nst_core.networks.slim import SlimAdaIN
from nst_core.stylize.style_engine import StyleEngine
from nst_core.video.config import VideoConfig, VideoError, VideoReport

av = pytest.importorskip("av")
pytest.importorskip("cv2")
from nst_core.video.stylizer import VideoStylizer  # noqa: E402

Render = Callable[..., VideoReport]
GREY = np.full((48, 64, 3), 128, np.uint8)


@pytest.fixture
def render(untrained: SlimAdaIN, tmp_path: Path) -> Render:
    engine = StyleEngine(untrained, "torch", "cpu")
    style = engine.style_statistics(Picture(GREY), 48)

    def run(source: Path, target: Path, notices: list[str] | None = None) -> VideoReport:
        config = VideoConfig(alpha=0.0, temporal=0.0)
        hear = None if notices is None else notices.append
        return VideoStylizer(engine).stylize(
            source, style, target, tmp_path / "work", config, on_notice=hear
        )

    return run


def with_sound(path: Path, *tracks: tuple[str, str, str | None]) -> Path:
    """A grey second with tracks of (codec, layout, language), the second one the default."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("flv" if path.suffix == ".flv" else "mpeg4", rate=10)
        video.height, video.width, video.pix_fmt = 48, 64, "yuv420p"
        streams = []
        for number, (codec, layout, language) in enumerate(tracks):
            rate = 22_050 if codec == "nellymoser" else 8_000 if codec.startswith("pcm_") else 48_000
            stream = out.add_stream(codec, rate=rate, layout=layout)
            if language:
                stream.metadata["language"] = language
            stream.disposition = av.stream.Disposition.default if number == 1 else 0
            streams.append(stream)
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(GREY, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for stream in streams:
            _tone(out, stream)
    return path


def _tone(out: Any, stream: Any) -> None:
    context = stream.codec_context
    size, rate = context.frame_size or 800, context.sample_rate
    resampler = av.AudioResampler(context.format, context.layout, rate)
    for number in range(rate // size):
        wave = np.sin(np.arange(number * size, (number + 1) * size) * 2 * np.pi * 440 / rate) * 0.5
        samples = np.repeat(wave[None], context.channels, 0).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=context.layout.name)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), number * size
        for ready in resampler.resample(frame):
            out.mux(stream.encode(ready))
    out.mux(stream.encode(None))


def tone_of(path: Path, index: int = 0) -> tuple[str, int, float]:
    """Codec, channels and pitch in Hz of a track."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[index]
        frames = list(file.decode(stream))
        samples = np.concatenate([frame.to_ndarray().astype(float)[0] for frame in frames])
        rate, channels = stream.sample_rate, stream.codec_context.channels
        if not frames[0].format.is_planar:
            samples = samples[::channels]
        middle = samples[len(samples) // 4 : len(samples) * 3 // 4]
        pitch = np.abs(np.fft.rfft(middle - middle.mean())).argmax() * rate / len(middle)
        return stream.codec_context.name, channels, float(pitch)


@pytest.mark.parametrize("target", ["out.mkv", "out.mp4", "out.mov", "out.webm"])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("in.mov", "pcm_alaw"), ("in.mov", "pcm_mulaw"), ("in.mov", "pcm_s8"), ("in.mov", "pcm_f32be"),
        ("in.mov", "adpcm_ima_qt"), ("in.avi", "adpcm_ms"), ("in.flv", "nellymoser"),
        ("in.mkv", "flac"),
    ],
)  # fmt: skip
def test_sound_of_any_codec_is_copied_or_encoded_again(
    render: Render, tmp_path: Path, name: str, codec: str, target: str
) -> None:
    source = with_sound(tmp_path / name, (codec, "mono", None))
    report = render(source, tmp_path / target)
    found, channels, pitch = tone_of(tmp_path / target)
    assert (found, channels) == (
        report.audio.partition("(")[2].rpartition(" ")[2][:-1].removeprefix("lib"),
        1,
    )
    assert pitch == pytest.approx(440, abs=12)


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.webm"])
def test_languages_defaults_and_channels_stay(render: Render, tmp_path: Path, target: str) -> None:
    source = with_sound(
        tmp_path / "in.mkv", ("ac3", "5.1", "deu"), ("aac", "stereo", "fra"), ("flac", "mono", None)
    )
    render(source, tmp_path / target)
    with av.open(str(tmp_path / target)) as file:
        tracks = file.streams.audio
        assert [track.codec_context.channels for track in tracks] == [6, 2, 1]
        assert [track.language for track in tracks][:2] == ["deu", "fra"]
        default = [bool(track.disposition & av.stream.Disposition.default) for track in tracks]
        assert default == [False, True, False]


def transport_stream_that_changes(path: Path) -> Path:
    """AC-3 that changes from stereo to 5.1 after a second, joined from two files."""
    parts = [with_sound(path.with_name(f"{n}.ts"), ("ac3", n, None)) for n in ("stereo", "5.1")]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


@pytest.mark.parametrize("target", ["out.webm", "out.mp4", "out.mkv"])
def test_a_track_may_change_its_channels(render: Render, tmp_path: Path, target: str) -> None:
    source = transport_stream_that_changes(tmp_path / "in.ts")
    report = render(source, tmp_path / target)
    assert report.frames == 20
    with av.open(str(tmp_path / target)) as file:
        frames = list(file.decode(file.streams.audio[0]))
    seconds = sum(frame.samples / frame.sample_rate for frame in frames)
    assert seconds == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.webm"])
def test_damaged_packets_of_sound_cost_no_video(render: Render, tmp_path: Path, target: str) -> None:
    source = with_sound(tmp_path / "in.ts", ("aac", "stereo", None))
    data = bytearray(source.read_bytes())
    with av.open(BytesIO(bytes(data))) as file:
        places = [packet.pos for packet in file.demux(file.streams.audio[0]) if packet.pos]
    for place in places[3:5]:
        at = place - place % 188
        data[at + 20 : at + 60] = b"\xff" * 40
    source.write_bytes(data)
    assert render(source, tmp_path / target).frames == 10
    assert tone_of(tmp_path / target)[2] == pytest.approx(440, abs=12)


def test_a_muxer_that_refuses_is_one_line(
    render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = with_sound(tmp_path / "in.mp4", ("aac", "stereo", None))
    monkeypatch.setattr("nst_core.video.mux._sent", _without_times)
    with pytest.raises(VideoError, match=r"^The mp4 file can't be written: Invalid argument\.$"):
        render(source, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def _without_times(packet: Any, stream: Any) -> tuple[float, Any]:
    packet.stream, packet.dts = stream, packet.dts - 2 * packet.dts
    return 0.0, packet


CLEAR = np.zeros((48, 64, 4), np.uint8)
CLEAR[..., 0], CLEAR[:, :32, 3] = 200, 255  # red, the right half transparent


def with_alpha(path: Path, codec: str, pixel_format: str, **options: str) -> Path:
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=10, options=options)
        video.height, video.width, video.pix_fmt = 48, 64, pixel_format
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(CLEAR, format="rgba").reformat(format=pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


def transparent_sources(folder: Path) -> dict[str, Path]:
    image = Image.fromarray(CLEAR)
    other = Image.fromarray(np.roll(CLEAR, 1, axis=0) // 2 + CLEAR // 2)
    for name, options in (("in.gif", {"disposal": 2}), ("in.png", {}), ("in.webp", {"lossless": True})):
        image.save(
            folder / name, save_all=True, append_images=[other, image, other], duration=100, **options
        )
    return {
        "vp9": with_alpha(folder / "vp9.webm", "libvpx-vp9", "yuva420p", **{"auto-alt-ref": "0"}),
        "vp8": with_alpha(folder / "vp8.webm", "libvpx", "yuva420p", **{"auto-alt-ref": "0"}),
        "prores": with_alpha(folder / "in.mov", "prores_ks", "yuva444p10le"),
        "qtrle": with_alpha(folder / "qtrle.mov", "qtrle", "argb"),
        "gif": folder / "in.gif",
        "apng": folder / "in.png",
        "webp": folder / "in.webp",
    }


def rgba_of(path: Path) -> np.ndarray:
    """The third frame (H, W, 4) of a file."""
    if path.suffix == ".zip":
        with (
            zipfile.ZipFile(path) as archive,
            Image.open(BytesIO(archive.read(archive.namelist()[2]))) as f,
        ):
            return np.array(f.convert("RGBA"))
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        decoder = stream.codec_context
        if path.suffix == ".webm":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
        frames = []
        for packet in file.demux(stream):
            frames += decoder.decode(packet if packet.size else None)
        found: np.ndarray = frames[2].reformat(format="rgba").to_ndarray()
        return found


@pytest.mark.parametrize("target", ["out.webm", "out.gif", "out.zip", "out.mp4", "out.mkv"])
def test_transparency_stays_where_the_format_has_it_else_white_is_below(
    render: Render, tmp_path: Path, target: str
) -> None:
    for name, source in transparent_sources(tmp_path).items():
        notices: list[str] = []
        assert render(source, tmp_path / target, notices).frames == 4, name
        rgba = rgba_of(tmp_path / target).astype(int)
        assert np.abs(rgba[8:40, 4:28] - (200, 0, 0, 255)).max() < 16, name
        right = rgba[8:40, 36:60]
        if target.endswith((".mp4", ".mkv")):
            assert right[..., :3].min() > 240, name
            kind = target.rpartition(".")[2]
            assert notices == [f"{kind} has no transparency; the frames are laid on white."], name
        else:
            assert right[..., 3].max() < 16, name
            assert notices == [], name


def test_an_opaque_animation_has_no_alpha(render: Render, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (64, 48), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], duration=100)
    notices: list[str] = []
    render(tmp_path / "in.gif", tmp_path / "out.mp4", notices)
    assert notices == []
    render(tmp_path / "in.gif", tmp_path / "out.webm")
    with av.open(str(tmp_path / "out.webm")) as file:
        assert "alpha_mode" not in {name.lower() for name in file.streams.video[0].metadata}
