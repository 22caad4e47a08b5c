"""Checkpoints of a video render: finished segments and the temporal state after the last of them."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imaging.atomic_write import atomic_write
from nst_core.video.flow import Floats
from nst_core.video.painter import ContentState
from nst_core.video.reader import Frame

#: Version of the files; a folder of another version is started anew.
_LAYOUT = 2


@dataclass(frozen=True, eq=False)
class TemporalState:
    """State carried from one frame to the next: the frame, its result, content statistics, and totals.

    `cuts` and `trusted` are totals for the report: scene cuts, and the sum of the mean trust of each
    frame.
    """

    frame: Frame
    output: Floats
    content: ContentState | None
    cuts: int
    trusted: float


class SegmentStore:
    """Segments 0, 1, … of one job in `folder`; a folder of another `job` is emptied.

    A segment is finished once it is renamed to its number; its state is written before that. Files that
    a kill leaves incomplete have other names and are overwritten.
    """

    def __init__(self, folder: Path, job: dict[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"layout": _LAYOUT, **job}, sort_keys=True, default=str)
        note = folder / "job.json"
        if not note.is_file() or note.read_text("utf-8") != text:
            self.clear()
            folder.mkdir(parents=True, exist_ok=True)
            note.write_text(text, "utf-8")
        self.finished = 0
        while self._segment(self.finished).is_file():
            self.finished += 1
        if self.finished and not self._state_path(self.finished - 1).is_file():
            self.finished = 0

    @property
    def paths(self) -> list[Path]:
        """Paths of the finished segments, in order."""
        return [self._segment(number) for number in range(self.finished)]

    @property
    def bytes(self) -> int:
        """Total size of the finished segments."""
        return sum(path.stat().st_size for path in self.paths)

    @property
    def part(self) -> Path:
        """Path of the segment that is being written."""
        return self.folder / "segment.part"

    def finish(self, state: TemporalState) -> None:
        """Make `part` the next finished segment; the segment after it resumes from `state`."""
        number = self.finished
        _write_state(self._state_path(number), state)
        with self.part.open("rb") as file:
            os.fsync(file.fileno())
        self.part.replace(self._segment(number))
        self.finished += 1
        if number:
            self._state_path(number - 1).unlink(missing_ok=True)

    def state(self) -> TemporalState | None:
        """State after the last finished segment; None at the beginning."""
        return _read_state(self._state_path(self.finished - 1)) if self.finished else None

    def clear(self) -> None:
        """Delete all files of a run, and the folder if it is then empty."""
        self.finished = 0
        for pattern in ("segment_*.nut", "state_*.npz", "segment.part", ".*.tmp", "job.json"):
            for path in self.folder.glob(pattern):
                path.unlink()
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _segment(self, number: int) -> Path:
        return self.folder / f"segment_{number:05}.nut"

    def _state_path(self, number: int) -> Path:
        return self.folder / f"state_{number:05}.npz"


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_state(path: Path, state: TemporalState) -> None:
    arrays: dict[str, Any] = {
        "source": state.frame.pixels,
        "output": state.output,
        "numbers": np.array([state.frame.index, state.frame.pts, state.cuts, state.frame.duration]),
        "trusted": np.array(state.trusted),
    }
    if state.content is not None:
        arrays["smoothed"] = state.content.smoothed.numpy()
        arrays["measured"] = state.content.measured.numpy()
        arrays["age"] = np.array(state.content.age)
    with atomic_write(path, durable=True) as file:
        np.savez(file, **arrays)


def _read_state(path: Path) -> TemporalState:
    with np.load(path, allow_pickle=False) as stored:
        index, pts, cuts, duration = (int(value) for value in stored["numbers"])
        content = None
        if "age" in stored:
            content = ContentState(
                torch.from_numpy(stored["smoothed"]),
                torch.from_numpy(stored["measured"]),
                int(stored["age"]),
            )
        frame = Frame(index, pts, stored["source"], duration)
        return TemporalState(frame, stored["output"], content, cuts, float(stored["trusted"]))
