"""Trainer that tunes slim's decoder to one style, with checkpoints, exact resumption and cancelling.

The encoder and the statistics of the style stay as they are, so everything that works with slim works
with the tuned network: strengths, masks, strokes, tiles, videos, int8 and exports.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from nst_core.images.noise import noise_field
from nst_core.images.picture import PictureError, read_picture, to_tensor
from nst_core.runtimes.choice import choose_device
from nst_core.stylize.style_engine import StyleEngine
from nst_core.training.checkpoints import CheckpointFolder
from nst_core.training.config import digest
from nst_core.training.errors import TrainingError
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
    StopRequest,
)
from nst_core.training.johnson.style import style_picture
from nst_core.training.pace import ProgressTimer
from nst_core.training.photo_crops import PhotoCrops
from nst_core.training.tune.objective import CONTENT_WEIGHTS, TuneObjective
from nst_core.training.tune.output import save_tuned, write_sample
from nst_core.training.tune.state import TuneState

if TYPE_CHECKING:
    from params.training import TuneTrainConfig

FINAL = "final_model.safetensors"
#: Times that a tuning goes back to its last checkpoint, with a lower rate, before it is given up.
MAX_ROLLBACKS = 3
#: Share of a new step in the smoothed losses.
_SMOOTHING = 0.1


class TuneTrainer:
    """Tunes the decoder of a slim network to the picture `style` on photographs `contents`.

    Checkpoints and the network are written to `checkpoint_dir`, sample pictures to `samples_dir`
    (default: a folder in `checkpoint_dir`). Raises `PictureError`, `DataError`, `NetworkError`,
    `TrainingError` or `RuntimeChoiceError` if the tuning can't start.
    """

    def __init__(
        self,
        config: TuneTrainConfig,
        contents: Sequence[Path],
        style: Path,
        checkpoint_dir: Path,
        *,
        device: str = "auto",
        on_event: OnEvent = lambda event: None,
        samples_dir: Path | None = None,
    ) -> None:
        self.config = config
        self.device = choose_device(device)
        self.folder = CheckpointFolder(checkpoint_dir, keep=config.keep_checkpoints)
        self._samples = samples_dir or Path(checkpoint_dir) / "samples"
        self._emit = on_event
        self.style_name = Path(style).name
        self.state = TuneState(config, self.device)
        picture = read_picture(Path(style))
        self.style = style_picture(picture, config.style_size)
        plain = StyleEngine(config.network, "torch", self.device)
        self.statistics = plain.style_statistics(picture, config.style_size).clone()
        self._identity = {
            # The learning rate falls towards the last step, so that this counts too.
            "digest": f"{digest(config)} {config.max_steps}",
            "style": _file_digest(style),
        }
        self._objective = TuneObjective(
            to_tensor(self.style.pixels), CONTENT_WEIGHTS[config.intensity], self.device
        )
        self.crops = PhotoCrops(
            contents,
            config.image_size,
            config.batch_size,
            seed=config.seed,
            cache_mb=config.cache_mb,
            margin=config.margin,
        )
        self._structures: dict[int, Tensor] = {}
        self._timer = ProgressTimer(log_interval=config.steps_between_logs, total=config.max_steps)
        self.smooth: dict[str, float] = {}
        self._healthy = self.state.saved()
        self._rollbacks = 0

    def restore(self, folder: Path) -> None:
        """Resume from the newest intact checkpoint in `folder`.

        Raises `TrainingStateError`, or `TrainingError` if it is of another style or other settings.
        """
        saved, damaged = CheckpointFolder(folder).load()
        if saved["identity"] != self._identity:
            raise TrainingError(
                "The checkpoint is of a tuning with another style picture or other settings. "
                "Resume with its own, or start in another folder."
            )
        self.state.restore(saved["training"])
        self.smooth = dict(saved["smooth"])
        self._timer.seconds = float(saved["seconds"])
        self._healthy = self.state.saved()
        for message in damaged:
            self._notice("checkpoint_damaged", f"{message} Resuming from the one before.")

    def run(self, should_stop: ShouldStop = lambda: None) -> Outcome:
        """Tune to the last step, or until `should_stop` returns a request. The last event tells too."""
        self._timer.start()
        while self.state.step < self.config.max_steps:
            if not self.advance():
                return "failed"
            outcome = self._after_step(should_stop())
            if outcome is not None:
                return outcome
        return self._finish("steps")

    def advance(self) -> bool:
        """One step, again from the last checkpoint if the losses are no numbers; False to give up."""
        step = self.state.step
        number = step % self.config.pool
        content = self.crops[number].to(self.device).float().div_(255)
        content = content.contiguous(memory_format=torch.channels_last)
        if number not in self._structures:
            self._structures[number] = self._objective.structure(content)
        losses = self._objective(self._painted(content, step), self._structures[number])
        values = {name: float(value.detach()) for name, value in vars(losses).items()}
        if not all(np.isfinite(value) for value in values.values()):
            return self._roll_back()
        self.state.optimizer_step(losses.total)
        for name, value in values.items():
            before = self.smooth.get(name, value)
            self.smooth[name] = before + _SMOOTHING * (value - before)
        self._progress()
        return True

    def _painted(self, content: Tensor, step: int) -> Tensor:
        """The network's paintings (B, 3, S, S) of photographs with noise, not clamped."""
        network = self.state.network
        with torch.no_grad():
            features = network.encode(content + self._noise(step, content.shape))
            mine = network.statistics(features)
        return network.decode(features, mine, self.statistics.to(self.device).expand(len(content), -1))

    def _noise(self, step: int, shape: Sequence[int]) -> Tensor:
        """Noise (B, 3, S, S) that depends on the seed and the step alone."""
        random = np.random.default_rng((self.config.seed, 2, step))
        fields = [
            random.uniform(*self.config.noise)
            * torch.from_numpy(noise_field(0, 0, shape[2], shape[3], int(random.integers(2**32))))
            for _ in range(shape[0])
        ]
        return torch.stack(fields).float().to(self.device)

    def _roll_back(self) -> bool:
        step = self.state.step
        if self._rollbacks == MAX_ROLLBACKS:
            message = "The losses are not finite numbers, after 3 rollbacks. Try a lower rate."
            self._emit(Failed(step=step, code="not_a_number", message=message))
            return False
        self._rollbacks += 1
        rate = self.state.rate * 0.3
        self.state.restore(self._healthy)
        self.state.rate = rate
        self._notice(
            "not_a_number",
            f"The losses are not finite numbers (step {step}). Back at step {self.state.step} with a "
            f"lower rate; attempt {self._rollbacks} of {MAX_ROLLBACKS}.",
        )
        return True

    def _progress(self) -> None:
        step, config = self.state.step, self.config
        if not self._timer.count_step(step):
            return
        rate, left = self._timer.take(step)
        self._emit(
            Progress(
                step=step,
                total=config.max_steps,
                losses=dict(self.smooth),
                images_per_second=round(rate * config.batch_size, 2),
                eta_s=round(left, 1),
            )
        )

    def _after_step(self, request: StopRequest | None) -> Outcome | None:
        step, config = self.state.step, self.config
        if step < config.max_steps:
            if step % config.steps_between_samples == 0:
                self._sample()
            if step % config.steps_between_checkpoints == 0:
                self._checkpoint()
        if request == "finish":
            return self._finish("asked")
        if request is not None:
            self._emit(Stopped(step=step, path=self._checkpoint() or self.folder.folder))
            return "stopped"
        return None

    def _checkpoint(self) -> Path | None:
        self._healthy = self.state.saved()
        state: dict[str, Any] = {
            "identity": self._identity,
            "training": self._healthy,
            "smooth": self.smooth,
            "seconds": self._timer.seconds,
        }
        try:
            path, best = self.folder.save(
                state, step=self.state.step, score=self.smooth.get("total", float("inf"))
            )
        except OSError as error:
            reason = error.strerror or error
            self._notice(
                "checkpoint_not_written",
                f"The checkpoint can't be written ({reason}); the one before stays.",
            )
            return None
        self._emit(Saved(step=self.state.step, path=path, best=best))
        return path

    def _sample(self) -> None:
        path = self._samples / f"sample-{self.state.step:06d}.jpg"
        try:
            write_sample(path, self.state.network, self.statistics, self.crops)
        except OSError as error:
            self._notice("sample_not_written", f"A sample can't be written ({error.strerror}).")
            return
        self._emit(Sample(step=self.state.step, path=path))

    def _finish(self, reason: str) -> Outcome:
        self._checkpoint()
        self._sample()
        self._timer.stop()
        path = self.folder.folder / FINAL
        figures: dict[str, float | int] = {
            "steps": self.state.step,
            "seconds": round(self._timer.seconds, 1),
            **{name: round(value, 4) for name, value in self.smooth.items()},
        }
        try:
            save_tuned(
                self.state,
                path,
                self.style,
                self.style_name,
                self.statistics,
                self.crops,
                figures,
            )
        except OSError as error:
            reason_ = error.strerror or error
            message = f"The network can't be written ({reason_}). Free space, then resume."
            self._emit(Failed(step=self.state.step, code="network_not_written", message=message))
            return "failed"
        self._emit(Finished(step=self.state.step, path=path, reason=reason, figures=figures))
        return "finished"

    def _notice(self, code: str, message: str) -> None:
        self._emit(Notice(step=self.state.step, code=code, message=message))


def _file_digest(path: Path) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise PictureError(f"The style {path} can't be read: {error.strerror}.") from error
