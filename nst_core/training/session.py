"""Base of training sessions: progress, checkpoints, samples, the final network and their events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_core.training.checkpoints import CheckpointFolder
from nst_core.training.events import (
    Failed,
    Finished,
    Notice,
    OnEvent,
    Outcome,
    Progress,
    Sample,
    Saved,
    ShouldStop,
    Stopped,
)
from nst_core.training.pace import ProgressTimer

if TYPE_CHECKING:
    from params.training import AdaINTrainConfig, JohnsonTrainConfig, TuneTrainConfig

    TrainConfig = JohnsonTrainConfig | AdaINTrainConfig | TuneTrainConfig

FINAL = "final_model.safetensors"


class TrainingSession(ABC):
    """A training that a caller steers: it emits events, and polls for requests after every step.

    Checkpoints and the network are written to `checkpoint_dir`, sample pictures to `samples_dir`
    (default: a folder in `checkpoint_dir`).
    """

    def __init__(
        self, config: TrainConfig, checkpoint_dir: Path, samples_dir: Path | None, on_event: OnEvent
    ) -> None:
        self.folder = CheckpointFolder(checkpoint_dir, keep=config.keep_checkpoints)
        self.samples = samples_dir or Path(checkpoint_dir) / "samples"
        self._emit = on_event
        self._timer = ProgressTimer(log_interval=config.steps_between_logs, total=config.max_steps)
        self._max_steps, self._batch_size = config.max_steps, config.batch_size

    @property
    @abstractmethod
    def step(self) -> int:
        """Number of the steps done."""

    @abstractmethod
    def run(self, should_stop: ShouldStop = lambda: None) -> Outcome:
        """Train to the end, or until `should_stop` returns a request. The last event tells too."""

    @abstractmethod
    def _saved_state(self) -> dict[str, Any]:
        """Everything that a resumption needs, without the time trained."""

    @abstractmethod
    def _restore_state(self, saved: Mapping[str, Any]) -> None:
        """Continue from what `_saved_state` returned. Raises `TrainingError` if it does not fit."""

    @abstractmethod
    def _score(self) -> float:
        """The loss by which the best checkpoint is found; infinity if it is not known yet."""

    @abstractmethod
    def _write_sample(self, path: Path) -> None:
        """Write a sample picture. Raises `OSError`."""

    @abstractmethod
    def _figures(self) -> dict[str, float | int]:
        """Figures of the training, for the file of the network and the last event."""

    @abstractmethod
    def _write_network(self, path: Path, figures: Mapping[str, float | int]) -> None:
        """Write the network. Raises `OSError`."""

    def restore(self, folder: Path) -> None:
        """Resume from the newest intact checkpoint in `folder`.

        Raises `TrainingStateError`, or `TrainingError` if the checkpoint is of another style, other
        pictures or other settings.
        """
        saved, damaged = CheckpointFolder(folder).load()
        self._restore_state(saved)
        self._timer.seconds = float(saved["seconds"])
        for message in damaged:
            self._notice("checkpoint_damaged", f"{message} Resuming from the one before.")

    def _progress(self, losses: Mapping[str, float]) -> None:
        """Emit a progress event, if one is due at this step."""
        if not self._timer.count_step(self.step):
            return
        rate, left = self._timer.take(self.step)
        self._emit(
            Progress(
                step=self.step,
                total=self._max_steps,
                losses=dict(losses),
                images_per_second=round(rate * self._batch_size, 2),
                eta_s=round(left, 1),
            )
        )

    def _checkpoint(self) -> Path | None:
        """Write a checkpoint; None, with a notice, if it can't be written."""
        state = {**self._saved_state(), "seconds": self._timer.seconds}
        try:
            path, best = self.folder.save(state, step=self.step, score=self._score())
        except OSError as error:
            self._notice(
                "checkpoint_not_written",
                f"The checkpoint can't be written ({error.strerror or error}); the one before stays.",
            )
            return None
        self._emit(Saved(step=self.step, path=path, best=best))
        return path

    def _sample(self) -> None:
        """Write a sample picture; a notice if it can't be written."""
        path = self.samples / f"sample-{self.step:06d}.jpg"
        try:
            self._write_sample(path)
        except OSError as error:
            self._notice("sample_not_written", f"A sample can't be written ({error.strerror}).")
            return
        self._emit(Sample(step=self.step, path=path))

    def _stop(self) -> Outcome:
        """Write a checkpoint and end."""
        self._emit(Stopped(step=self.step, path=self._checkpoint() or self.folder.folder))
        return "stopped"

    def _finish(self, reason: str) -> Outcome:
        """Write the last checkpoint, the last sample and the network, and end."""
        self._checkpoint()
        self._sample()
        self._timer.stop()
        path, figures = self.folder.folder / FINAL, self._figures()
        try:
            self._write_network(path, figures)
        except OSError as error:
            message = (
                f"The network can't be written ({error.strerror or error}). Free space, then resume."
            )
            self._emit(Failed(step=self.step, code="network_not_written", message=message))
            return "failed"
        self._emit(Finished(step=self.step, path=path, reason=reason, figures=figures))
        return "converged" if reason == "converged" else "finished"

    def _notice(self, code: str, message: str) -> None:
        self._emit(Notice(step=self.step, code=code, message=message))
