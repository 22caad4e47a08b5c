"""Checkpoints of a training in a folder: whole or not at all, the newest few and the best kept."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nst_core.errors import NstError

FORMAT = "atelier-training/1"
_NAME = re.compile(r"checkpoint-(\d+)\.pt")
#: The first line of a file is JSON of at most this many bytes; what `torch.save` wrote follows.
_LONGEST_HEADER = 4_096


class TrainingStateError(NstError):
    """A folder holds no checkpoint that can be used."""


@dataclass(frozen=True)
class Checkpoint:
    """A file, and what its first line says: the step, and the loss then (lower is better)."""

    path: Path
    step: int
    score: float


class CheckpointFolder:
    """Checkpoints under `folder`, `checkpoint-STEP.pt`: the last `keep` and the one of least loss."""

    def __init__(self, folder: str | Path, *, keep: int = 3) -> None:
        self.folder = Path(folder)
        self._keep = keep

    def save(self, state: dict[str, Any], *, step: int, score: float) -> tuple[Path, bool]:
        """Write `state`: temporary name, sync, rename, sync of the folder.

        Returns the path and whether it is the best. Raises `OSError` (a full disk, say) and then leaves
        everything as it was.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        torch.save(state, buffer)
        payload = buffer.getbuffer()
        digest = hashlib.sha256(payload).hexdigest()
        header = {"format": FORMAT, "step": step, "score": score, "sha256": digest}
        path = self.folder / f"checkpoint-{step:08d}.pt"
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(json.dumps(header).encode() + b"\n")
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _sync(self.folder)
        best = self.best()
        self._prune(best)
        return path, best is not None and best.path == path

    def found(self) -> list[Checkpoint]:
        """All whose first line can be read, the oldest first."""
        if not self.folder.is_dir():
            return []
        paths = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        read = [_header(path) for path in paths]
        return sorted((each for each in read if each is not None), key=lambda each: each.step)

    def any(self) -> bool:
        """Whether there is a checkpoint at all, whole or damaged."""
        return bool(self._candidates())

    def best(self) -> Checkpoint | None:
        """The one of least loss; of equals, the newest."""
        return min(self.found(), key=lambda each: (each.score, -each.step), default=None)

    def load(self) -> tuple[dict[str, Any], list[str]]:
        """The newest state that is whole, and a sentence for each newer one that is damaged.

        Raises `TrainingStateError` if there is none.
        """
        damaged: list[str] = []
        for checkpoint in reversed(self._candidates()):
            try:
                return _read(checkpoint), damaged
            except TrainingStateError as error:
                damaged.append(str(error))
        told = f" ({' '.join(damaged)})" if damaged else ""
        raise TrainingStateError(f"{self.folder} holds no checkpoint to go on from{told}.")

    def forget_after(self, step: int) -> None:
        """Remove checkpoints of later steps: a training that went back will not come by them again."""
        for checkpoint in self.found():
            if checkpoint.step > step:
                checkpoint.path.unlink(missing_ok=True)

    def _candidates(self) -> list[Path]:
        # By name, not by header: a damaged header must be heard of too.
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if _NAME.fullmatch(path.name))

    def _prune(self, best: Checkpoint | None) -> None:
        for checkpoint in self.found()[: -self._keep]:
            if best is None or checkpoint.path != best.path:
                checkpoint.path.unlink(missing_ok=True)
        for stray in self.folder.glob(".checkpoint-*.tmp"):
            stray.unlink(missing_ok=True)  # of a run that was killed while it wrote


def _header(path: Path) -> Checkpoint | None:
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline(_LONGEST_HEADER))
        return Checkpoint(path, int(header["step"]), float(header["score"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline(_LONGEST_HEADER))
            payload = file.read()
        if header.get("format") != FORMAT or hashlib.sha256(payload).hexdigest() != header["sha256"]:
            raise ValueError("its contents changed")
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


def _sync(folder: Path) -> None:
    """Make the renaming itself last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
