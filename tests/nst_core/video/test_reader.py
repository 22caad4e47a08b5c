from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.films import sliding, texture

from imaging.icc_profile import cicp_profile
from imaging.srgb import to_srgb
from nst_core.video.config import VideoError, VideoLimits
from nst_core.video.reader import VideoReader
from tests.support.clips import write_clip

av = pytest.importorskip("av")

RATES = [Fraction(24_000, 1001), Fraction(25), Fraction(30_000, 1001), Fraction(12_345, 1000)]


@pytest.mark.parametrize("rate", RATES)
def test_every_frame_at_its_time(tmp_path: Path, rate: Fraction) -> None:
    path = write_clip(tmp_path / "in.mp4", sliding(64, 48, 20), rate)
    with VideoReader(path) as reader:
        frames = list(reader.frames())
        times = [frame.pts * reader.time_base for frame in frames]
        assert reader.info.rate == pytest.approx(rate, rel=1e-4)
        assert reader.info.audio == ("aac",)
    assert [frame.index for frame in frames] == list(range(20))
    assert times == pytest.approx([number / rate for number in range(20)], abs=1e-4)


def test_colours_come_back(tmp_path: Path) -> None:
    bars = np.zeros((48, 64, 3), np.uint8)
    bars[:, :32], bars[:, 32:] = (200, 40, 30), (20, 60, 180)
    path = write_clip(tmp_path / "in.mp4", [bars] * 3, pixel_format="yuv444p", sound=None)
    with VideoReader(path) as reader:
        (first, *_) = reader.frames()
    assert np.abs(first.pixels[:, 4:28].astype(int) - (200, 40, 30)).max() < 8
    assert np.abs(first.pixels[:, 36:60].astype(int) - (20, 60, 180)).max() < 8


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_frames_are_upright(tmp_path: Path, rotation: int) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:8] = 255  # a bright edge on top
    path = write_clip(tmp_path / "in.mp4", [picture] * 3, sound=None, rotation=rotation)
    with VideoReader(path) as reader:
        (first, *_) = reader.frames()
        assert reader.info.rotation == rotation % 360
        assert (reader.info.height, reader.info.width) == first.pixels.shape[:2]
    # The player turns the picture counter-clockwise by as much.
    expected = np.rot90(picture, rotation // 90)
    assert np.abs(first.pixels.astype(int) - expected).mean() < 12


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_what_a_front_camera_mirrors_is_mirrored(tmp_path: Path, rotation: int) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:8, :32] = 255  # a bright edge on top, on the left half
    clip = tmp_path / "in.mp4"
    path = write_clip(clip, [picture] * 3, sound=None, rotation=rotation, mirrored=True)
    with VideoReader(path) as reader:
        (first, *_) = reader.frames()
    expected = np.rot90(picture, rotation // 90)[:, ::-1]
    assert np.abs(first.pixels.astype(int) - expected).mean() < 12


def test_size_trim_and_sampling(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mp4", sliding(64, 48, 60), 60)
    with VideoReader(path, size=32, start_s=0.25, end_s=0.75, max_rate=25) as reader:
        frames = list(reader.frames())
        assert reader.info.rate == 20
        assert (reader.info.width, reader.info.height) == (32, 24)
        times = [float(frame.pts * reader.time_base) for frame in frames]
    assert times == pytest.approx([number / 20 for number in range(10)], abs=1e-4)


@pytest.mark.parametrize("name", ["in.mp4", "in.avi"])
def test_goes_on_after_a_frame(tmp_path: Path, name: str) -> None:
    codec = "libx264" if name.endswith("mp4") else "mpeg4"
    path = write_clip(tmp_path / name, sliding(64, 48, 80), codec=codec, sound=None)
    with VideoReader(path, start_s=0.4) as reader:
        frames = list(reader.frames())
        rest = list(reader.frames(after=frames[50]))
        assert [frame.index for frame in rest] == list(range(51, len(frames)))
        for frame, again in zip(frames[51:], rest, strict=True):
            assert frame.pts == again.pts
            np.testing.assert_array_equal(frame.pixels, again.pixels)
        other = type(frames[50])(50, frames[50].pts, frames[50].pixels[::-1])
        with pytest.raises(LookupError):
            next(reader.frames(after=other))


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(VideoError) as caught, VideoReader(path, **options) as reader:  # type: ignore[arg-type]
        list(reader.frames())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_video(tmp_path: Path) -> None:
    empty, text, still = tmp_path / "empty.mp4", tmp_path / "text.mp4", tmp_path / "still.png"
    empty.touch()
    text.write_text("not a video " * 100)
    Image.fromarray(texture(64, 48)).save(still)
    Image.fromarray(texture(64, 48)).save(tmp_path / "still.gif")
    Image.fromarray(texture(64, 48)).save(tmp_path / "still.jpg")
    assert "empty.mp4 is empty" in refusal(empty)
    assert "no video that can be read" in refusal(text)
    assert "There is no file" in refusal(tmp_path / "absent.mp4")
    for name in ("still.png", "still.jpg"):
        assert "still image" in refusal(tmp_path / name)


def test_sound_alone(tmp_path: Path) -> None:
    import av

    path = tmp_path / "sound.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert refusal(path) == "sound.m4a has no video stream."


def test_a_file_cut_short_or_overwritten(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mp4", sliding(64, 48, 40), sound=None)
    data = path.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) // 3])  # the index is at the end
    assert "no video that can be read, or it is damaged" in refusal(cut)
    at = data.index(b"mdat") + 4
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(data[:at] + b"\xff" * 3000 + data[at + 3000 :])
    assert "damaged" in refusal(bad)


def test_a_file_cut_short_whose_index_comes_first(tmp_path: Path) -> None:
    import av

    path = write_clip(tmp_path / "in.mp4", sliding(64, 48, 50), sound=None)
    with (
        av.open(str(path)) as source,
        av.open(str(tmp_path / "whole.mp4"), "w", options={"movflags": "+faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = (tmp_path / "whole.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 9 // 10])
    sentence = refusal(cut)
    assert sentence.startswith("cut.mp4 is cut short: of 2.0 s only the first ")
    there = float(sentence.split("the first ")[1].split(" s")[0])
    assert 0.4 < there < 1.9
    with VideoReader(cut, end_s=there - 0.2) as reader:  # what is there can be had
        assert len(list(reader.frames())) == pytest.approx((there - 0.2) * 25, abs=2)
    with VideoReader(tmp_path / "whole.mp4") as reader:
        assert len(list(reader.frames())) == 50


def test_a_header_without_a_length(tmp_path: Path) -> None:
    """As browsers record, and as pipes write."""
    path = write_clip(tmp_path / "in.mkv", sliding(64, 48, 30), sound=None)
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88")
    data[at : at + 11] = b"\xec\x89" + bytes(9)  # Duration becomes an element that is skipped
    path.write_bytes(data)
    with VideoReader(path) as reader:
        assert reader.info.frames == 30
        assert reader.info.seconds == pytest.approx(1.2, abs=0.01)
        assert len(list(reader.frames())) == 30
    assert "more than the limit of 0:00:01" in refusal(path, limits=VideoLimits(seconds=1.0))
    assert "is after" in refusal(path, start_s=2)


def test_colours_that_can_not_be_converted(tmp_path: Path) -> None:
    import av

    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        stream.codec_context.colorspace = 8  # YCgCo
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv444p")))
        container.mux(stream.encode(None))
    assert "colours (yuv444p, matrix 8) can't be converted here" in refusal(path)


def write_interlaced(path: Path, count: int, *, marked: bool = True) -> Path:
    """A bar that moves 4 pixels from field to field above a still pattern; top field first."""
    with av.open(str(path), "w") as container:
        options = {"flags": "+ildct+ilme"} if marked else {}
        stream = container.add_stream("mpeg2video", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.codec_context.bit_rate = 20_000_000
        for number in range(count):
            pixels = np.zeros((96, 160, 3), np.uint8)
            for field in (0, 1):
                left = (8 * number + 4 * field) % 120
                pixels[field:64:2, left : left + 30] = 220
            pixels[64:, :, :] = np.where(np.arange(32) % 4 < 2, 200, 60)[:, None, None]
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def combing(pixels: np.ndarray) -> float:
    """Mean difference between a row and the mean of its neighbours, in the part that moves."""
    rows = pixels[:64, :, 1].astype(float)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


def test_interlaced_frames_are_deinterlaced_one_for_one(tmp_path: Path) -> None:
    found = {}
    for marked in (True, False):
        path = write_interlaced(tmp_path / f"{marked}.mkv", 12, marked=marked)
        with VideoReader(path) as reader:
            found[marked] = list(reader.frames())
            times = [float(frame.pts * reader.time_base) for frame in found[marked]]
        assert times == pytest.approx([number / 25 for number in range(12)], abs=1e-3)
    assert combing(found[False][5].pixels) > 8
    assert combing(found[True][5].pixels) < 2
    # What stands still keeps all its rows.
    still = [
        np.abs(frame.pixels[66:94].astype(int) - found[False][5].pixels[66:94]) for frame in found[True]
    ]
    assert max(difference.mean() for difference in still[2:-2]) < 6


def test_an_interlaced_video_goes_on_after_a_frame(tmp_path: Path) -> None:
    path = write_interlaced(tmp_path / "in.mkv", 30)
    with VideoReader(path) as reader:
        frames = list(reader.frames())
        for number in (0, 11, 12, 28):
            rest = list(reader.frames(frames[number]))
            assert [frame.pts for frame in rest] == [frame.pts for frame in frames[number + 1 :]]
            assert all(
                np.array_equal(a.pixels, b.pixels)
                for a, b in zip(rest, frames[number + 1 :], strict=True)
            )


def write_solid(path: Path, color: tuple[int, int, int], primaries: int, transfer: int) -> None:
    """A lossless RGB video of 10 bits whose colours have these code points."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gbrp10le"
        stream.codec_context.color_primaries = primaries
        stream.codec_context.color_trc = transfer
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), color, np.uint8), format="rgb24")
        frame = frame.reformat(format="gbrp10le")
        frame.color_primaries, frame.color_trc = primaries, transfer
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


@pytest.mark.parametrize(
    ("primaries", "transfer", "still"),
    [
        (9, 16, (9, 16)), (9, 18, (9, 18)), (2, 18, (9, 18)), (9, 14, (9, 13)), (12, 13, (12, 13)),
        (1, 1, None), (2, 2, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("color", [(200, 40, 40), (40, 200, 40), (190, 190, 190), (120, 120, 120)])
def test_hdr_and_wide_gamut_look_like_a_still_picture_of_these_code_points(
    tmp_path: Path,
    primaries: int,
    transfer: int,
    still: tuple[int, int] | None,
    color: tuple[int, int, int],
) -> None:
    write_solid(tmp_path / "in.mkv", color, primaries, transfer)
    profile = None if still is None else cicp_profile(*still, gray=False)
    expected, _ = to_srgb(Image.new("RGB", (1, 1), color), profile)
    with VideoReader(tmp_path / "in.mkv") as reader:
        (found,) = reader.frames()
    assert np.abs(found.pixels[24, 32].astype(int) - expected.getpixel((0, 0))).max() <= 2


def test_hdr_reference_white_is_half_of_the_light(tmp_path: Path) -> None:
    write_solid(tmp_path / "in.mkv", (148, 148, 148), 9, 16)  # PQ of 203 cd/m²
    with VideoReader(tmp_path / "in.mkv") as reader:
        (found,) = reader.frames()
    assert np.abs(found.pixels[24, 32].astype(int) - 188).max() <= 3  # sRGB of 0.5


def test_a_header_that_claims_ten_hours(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mkv", sliding(64, 48, 20), sound=None)
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3  # Matroska's Duration, a double, in milliseconds
    struct.pack_into(">d", data, at, 36_000_000.0)
    path.write_bytes(data)
    for end_s in (None, 1.0):
        with VideoReader(path, end_s=end_s) as reader:  # the packets count
            assert reader.info.seconds == pytest.approx(0.8, abs=0.01)
            assert len(list(reader.frames())) == 20
    assert "lasts 0:00:01, more than the limit of 0:00:00" in refusal(
        path, limits=VideoLimits(seconds=0.3)
    )


def test_limits_hold_whatever_the_header_says(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mp4", sliding(64, 48, 20), sound=None)
    assert "more than the limit of 1,000" in refusal(path, limits=VideoLimits(pixels=1_000))
    assert "limit of 12 frames" in refusal(path, limits=VideoLimits(frames=12))
    assert "is after" in refusal(path, start_s=5)


def test_a_playlist_reads_no_other_file(tmp_path: Path) -> None:
    secret = write_clip(tmp_path / "secret.ts", sliding(64, 48, 20), sound=None)
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + str(secret) + "\n#EXT-X-ENDLIST\n"
    )
    listing = tmp_path / "list.txt"
    listing.write_text("ffconcat version 1.0\nfile secret.ts\n")
    for path in (playlist, listing):
        refusal(path)
