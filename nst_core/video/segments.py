"""The work folder of a run: finished segments, and what the next one goes on from."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nst_core.video.flow import Floats
from nst_core.video.painter import ContentState
from nst_core.video.reader import Frame

_LAYOUT = 1


@dataclass(frozen=True, eq=False)
class Carry:
    """All that a frame leaves to the next: itself, its result, the content's statistics, and sums."""

    frame: Frame
    output: Floats
    content: ContentState | None
    cuts: int
    trusted: float


class SegmentStore:
    """Segments 0, 1, … in `folder`, those of one job alone: another `job` empties it.

    A segment counts once it has its own name; its carry is written before that. Whatever a kill leaves
    half written has another name, and is overwritten.
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
        if self.finished and not self._state(self.finished - 1).is_file():
            self.finished = 0

    @property
    def paths(self) -> list[Path]:
        """The finished segments, in order."""
        return [self._segment(number) for number in range(self.finished)]

    @property
    def bytes(self) -> int:
        """What the finished segments take."""
        return sum(path.stat().st_size for path in self.paths)

    @property
    def part(self) -> Path:
        """Where the segment in work is written."""
        return self.folder / "segment.part"

    def finish(self, carry: Carry) -> None:
        """The segment in `part` is whole, and the next one goes on from `carry`."""
        number = self.finished
        _write_carry(self._state(number), carry)
        with self.part.open("rb") as file:
            os.fsync(file.fileno())
        self.part.replace(self._segment(number))
        self.finished += 1
        if number:
            self._state(number - 1).unlink(missing_ok=True)

    def carry(self) -> Carry | None:
        """What the next segment goes on from; None at the beginning."""
        return _read_carry(self._state(self.finished - 1)) if self.finished else None

    def clear(self) -> None:
        """Remove all files of a run, and the folder if nothing else is in it."""
        self.finished = 0
        for pattern in ("segment_*.nut", "carry_*.npz", "segment.part", "carry.part", "job.json"):
            for path in self.folder.glob(pattern):
                path.unlink()
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _segment(self, number: int) -> Path:
        return self.folder / f"segment_{number:05}.nut"

    def _state(self, number: int) -> Path:
        return self.folder / f"carry_{number:05}.npz"


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_carry(path: Path, carry: Carry) -> None:
    arrays: dict[str, Any] = {
        "source": carry.frame.pixels,
        "output": carry.output,
        "numbers": np.array([carry.frame.index, carry.frame.pts, carry.cuts]),
        "trusted": np.array(carry.trusted),
    }
    if carry.content is not None:
        arrays["smoothed"] = carry.content.smoothed.numpy()
        arrays["measured"] = carry.content.measured.numpy()
        arrays["age"] = np.array(carry.content.age)
    part = path.with_name("carry.part")
    with part.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _read_carry(path: Path) -> Carry:
    with np.load(path, allow_pickle=False) as stored:
        index, pts, cuts = (int(value) for value in stored["numbers"])
        content = None
        if "age" in stored:
            content = ContentState(
                torch.from_numpy(stored["smoothed"]),
                torch.from_numpy(stored["measured"]),
                int(stored["age"]),
            )
        frame = Frame(index, pts, stored["source"])
        return Carry(frame, stored["output"], content, cuts, float(stored["trusted"]))
