"""Checkpoint folder of a training: atomic writes with checksums; keeps the newest few and the best."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from imaging.atomic_write import atomic_write
from nst_core.errors import NstError

FORMAT = "atelier-training/1"
_NAME = re.compile(r"checkpoint-(\d+)\.pt")
#: Size limit in bytes of the JSON header, which is the first line; the output of `torch.save` follows.
_MAX_HEADER_BYTES = 4_096


class TrainingStateError(NstError):
    """A folder holds no usable checkpoint."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file with the step and the score of its header; the score is a loss."""

    path: Path
    step: int
    score: float


class CheckpointFolder:
    """Checkpoints `checkpoint-STEP.pt` in `folder`: the newest `keep` and the one of lowest loss."""

    def __init__(self, folder: str | Path, *, keep: int = 3) -> None:
        self.folder = Path(folder)
        self._keep = keep

    def save(self, state: dict[str, Any], *, step: int, score: float) -> tuple[Path, bool]:
        """Write `state` atomically and durably.

        Returns the path and whether this checkpoint has the lowest loss. Raises `OSError`, for example
        when the disk is full; earlier checkpoints are then unchanged.
        """
        buffer = io.BytesIO()
        torch.save(state, buffer)
        payload = buffer.getbuffer()
        digest = hashlib.sha256(payload).hexdigest()
        header = {"format": FORMAT, "step": step, "score": score, "sha256": digest}
        path = self.folder / f"checkpoint-{step:08d}.pt"
        with atomic_write(path, durable=True) as file:
            file.write(json.dumps(header).encode() + b"\n")
            file.write(payload)
        best = self.best()
        self._prune(best)
        return path, best is not None and best.path == path

    def checkpoints(self) -> list[Checkpoint]:
        """Every checkpoint with a readable header, the oldest first."""
        if not self.folder.is_dir():
            return []
        paths = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        headers = [_read_header(path) for path in paths]
        return sorted((each for each in headers if each is not None), key=lambda each: each.step)

    def any(self) -> bool:
        """Whether the folder holds any checkpoint, intact or damaged."""
        return bool(self._paths_by_step())

    def best(self) -> Checkpoint | None:
        """The checkpoint of lowest loss; of equal ones, the newest."""
        return min(self.checkpoints(), key=lambda each: (each.score, -each.step), default=None)

    def load(self) -> tuple[dict[str, Any], list[str]]:
        """Load the newest intact state; also returns a message for each newer file that is damaged.

        Raises `TrainingStateError` if there is no intact checkpoint.
        """
        damaged: list[str] = []
        for checkpoint in reversed(self._paths_by_step()):
            try:
                return _read_state(checkpoint), damaged
            except TrainingStateError as error:
                damaged.append(str(error))
        details = f" ({' '.join(damaged)})" if damaged else ""
        raise TrainingStateError(f"{self.folder} holds no checkpoint to resume from{details}.")

    def delete_after(self, step: int) -> None:
        """Delete checkpoints of later steps, which became invalid when the training was rolled back."""
        for checkpoint in self.checkpoints():
            if checkpoint.step > step:
                checkpoint.path.unlink(missing_ok=True)

    def _paths_by_step(self) -> list[Path]:
        # By name, not by header, so that files with a damaged header are reported too.
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if _NAME.fullmatch(path.name))

    def _prune(self, best: Checkpoint | None) -> None:
        for checkpoint in self.checkpoints()[: -self._keep]:
            if best is None or checkpoint.path != best.path:
                checkpoint.path.unlink(missing_ok=True)
        for stray in self.folder.glob(".checkpoint-*.tmp"):
            stray.unlink(missing_ok=True)  # left by a process that was killed while writing


def _read_header(path: Path) -> Checkpoint | None:
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline(_MAX_HEADER_BYTES))
        return Checkpoint(path, int(header["step"]), float(header["score"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_state(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline(_MAX_HEADER_BYTES))
            payload = file.read()
        if header.get("format") != FORMAT or hashlib.sha256(payload).hexdigest() != header["sha256"]:
            raise ValueError("checksum mismatch")
        state: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except (
        OSError,
        ValueError,
        KeyError,
        AttributeError,
        RuntimeError,
        EOFError,
        pickle.UnpicklingError,
    ) as error:
        raise TrainingStateError(f"{path.name} is damaged.") from error
    return state
