"""Deinterlacing of frames that their codec marks as interlaced: one full frame for each frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nst_core.video.container import video_library

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

#: Frames with their times, which pass through unchanged.
TimedFrames = Iterator[tuple["VideoFrame", int | None]]


def deinterlaced(frames: TimedFrames) -> TimedFrames:
    """Replace interlaced frames by FFmpeg's bwdif, which looks at the frames before and after.

    Other frames, and all frames up to the first interlaced one, stay as they are.
    """
    graph: _Graph | None = None
    for frame, time in frames:
        if graph is not None and not graph.fits(frame):
            yield from graph.finish()
            graph = None
        if graph is None and frame.interlaced_frame:
            graph = _Graph(frame)
        if graph is None:
            yield frame, time
        else:
            yield from graph.push(frame, time)
    if graph is not None:
        yield from graph.finish()


class _Graph:
    """A filter graph for frames of one size and pixel format."""

    def __init__(self, frame: VideoFrame) -> None:
        self._av = video_library()
        self._shape = (frame.width, frame.height, frame.format.name)
        self._graph: Any = self._av.filter.Graph()
        self._graph.link_nodes(
            self._graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format.name,
                time_base=frame.time_base,
            ),
            self._graph.add("bwdif", "mode=send_frame:deint=interlaced"),
            self._graph.add("buffersink"),
        ).configure()
        #: Time and duration of the frames that the filter holds back.
        self._waiting: deque[tuple[int | None, int]] = deque()

    def fits(self, frame: VideoFrame) -> bool:
        return self._shape == (frame.width, frame.height, frame.format.name)

    def push(self, frame: VideoFrame, time: int | None) -> TimedFrames:
        self._waiting.append((time, frame.duration or 0))
        self._graph.vpush(frame)
        yield from self._pulled()

    def finish(self) -> TimedFrames:
        self._graph.vpush(None)
        yield from self._pulled()

    def _pulled(self) -> TimedFrames:
        while self._waiting:
            try:
                frame = self._graph.vpull()
            except (self._av.error.BlockingIOError, self._av.error.EOFError):
                return
            time, frame.duration = self._waiting.popleft()
            yield frame, time
