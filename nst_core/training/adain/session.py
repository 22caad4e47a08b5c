"""AdaIN training with the events, checkpoints and outcomes that every kind of training has."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from nst_core.images.picture import Picture, encode_picture, read_picture, resize_picture
from nst_core.networks.files import save_network
from nst_core.networks.registry import NAMES, build_network
from nst_core.runtimes.choice import choose_device
from nst_core.stylize.style_engine import StyleEngine
from nst_core.training.adain.trainer import AdaINTrainer, Step
from nst_core.training.checkpoints import CheckpointFolder
from nst_core.training.config import NO_EFFECT_ON_WEIGHTS
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
from nst_core.training.pace import ProgressTimer
from nst_core.training.tensorboard import LossLog

if TYPE_CHECKING:
    from params.training import AdaINTrainConfig

FINAL = "final_model.safetensors"
#: Rollbacks because of non-finite losses before the training is given up.
_MAX_ROLLBACKS = 3


class AdaINSession:
    """Runs an `AdaINTrainer` as a session of a trainer process.

    Raises `ConfigError`, `TrainingError`, `DataError` or `RuntimeChoiceError`.
    """

    def __init__(
        self,
        config: AdaINTrainConfig,
        contents: Sequence[Path],
        styles: Sequence[Path],
        checkpoint_dir: Path,
        *,
        device: str = "auto",
        on_event: OnEvent = lambda event: None,
        samples_dir: Path | None = None,
    ) -> None:
        self.config = config
        torch.manual_seed(config.seed)
        self.trainer = AdaINTrainer(
            build_network(NAMES[config.network], {}),
            contents,
            styles,
            config,
            device=choose_device(device),
        )
        self.folder = CheckpointFolder(checkpoint_dir, keep=config.keep_checkpoints)
        self.samples = samples_dir or Path(checkpoint_dir) / "samples"
        self._emit = on_event
        self._contents, self._styles = list(contents), list(styles)
        self._digest = _digest(config, [*contents, *styles])
        self._smooth: dict[str, float] = {}
        self._rollbacks = 0
        self._timer = ProgressTimer(log_interval=config.steps_between_logs, total=config.max_steps)
        self._request: StopRequest | None = None
        self._not_finite = False

    def restore(self, folder: Path) -> None:
        """Resume from the newest intact checkpoint. Raises `TrainingStateError` or `TrainingError`."""
        saved, damaged = CheckpointFolder(folder).load()
        if saved["digest"] != self._digest:
            raise TrainingError("The checkpoint is for a training with other settings or pictures.")
        self.trainer.load_state(saved["training"])
        self._smooth, self._timer.seconds = dict(saved["smooth"]), float(saved["seconds"])
        for message in damaged:
            self._notice("checkpoint_damaged", f"{message} Resuming from the one before.")

    def run(self, should_stop: ShouldStop = lambda: None) -> Outcome:
        """Train to the last step or until `should_stop` returns a request."""
        self._timer.start()
        with LossLog(self.folder.folder / "logs", self.trainer.step, self._notice) as log:
            while True:
                if self._train(log, should_stop):
                    break
                if not self._roll_back():
                    return "failed"
        if self._request == "stop":
            path = self._checkpoint() or self.folder.folder
            self._emit(Stopped(step=self.trainer.step, path=path))
            return "stopped"
        return self._finish("asked" if self._request else "steps")

    def _train(self, log: LossLog, should_stop: ShouldStop) -> bool:
        """Train to the end or to a stop request; returns whether all losses were finite."""
        self._not_finite = False
        self.trainer.run(lambda step: self._after_step(step, log, should_stop))
        return not self._not_finite

    def _after_step(self, step: Step, log: LossLog, should_stop: ShouldStop) -> bool:
        if not all(math.isfinite(value) for value in step.losses.values()):
            self._not_finite = True
            return False
        for name, value in self._weighted(step.losses).items():
            self._smooth[name] = value + 0.95 * (self._smooth.get(name, value) - value)
        if self._timer.is_log_step(step.step):
            log.write(step.step, self._smooth)
        self._progress(step)
        if step.step % self.config.steps_between_samples == 0:
            self._sample()
        if step.step % self.config.steps_between_checkpoints == 0 and step.step < step.total:
            self._checkpoint()
        self._request = should_stop()
        return self._request is None

    def _weighted(self, losses: Mapping[str, float]) -> dict[str, float]:
        config = self.config
        content = config.content_weight * losses["content"]
        style = config.style_weight * losses["style"] + config.gram_weight * losses["gram"]
        rest = config.identity_weight * losses["identity"] + 10 * losses["range"]
        return {"content": content, "style": style, "tv": 0.0, "total": content + style + rest}

    def _progress(self, step: Step) -> None:
        if not self._timer.count_step(step.step):
            return
        rate, left = self._timer.take(step.step)
        self._emit(
            Progress(
                step=step.step,
                total=step.total,
                losses=dict(self._smooth),
                images_per_second=round(rate * self.config.batch_size, 2),
                eta_s=round(left, 1),
            )
        )

    def _checkpoint(self) -> Path | None:
        state = {
            "digest": self._digest,
            "training": self.trainer.state(),
            "smooth": self._smooth,
            "seconds": self._timer.seconds,
        }
        score = self._smooth.get("total", math.inf)
        try:
            path, best = self.folder.save(state, step=self.trainer.step, score=score)
        except OSError as error:
            self._notice(
                "checkpoint_not_written",
                f"The checkpoint can't be written ({error.strerror or error}); the one before stays.",
            )
            return None
        self._emit(Saved(step=self.trainer.step, path=path, best=best))
        return path

    def _roll_back(self) -> bool:
        """Roll back to the newest checkpoint with half the learning rate.

        Returns whether the training can continue. Raises `TrainingError` if there is no checkpoint.
        """
        step = self.trainer.step
        if self._rollbacks >= _MAX_ROLLBACKS:
            message = f"The losses are not finite numbers, after {_MAX_ROLLBACKS} rollbacks."
            self._emit(Failed(step=step, code="not_a_number", message=message))
            return False
        self._rollbacks += 1
        if self.folder.any():
            self.trainer.load_state(self.folder.load()[0]["training"])
        else:
            raise TrainingError(
                "The losses are not finite numbers from the first steps on. Lower learning_rate."
            )
        self.trainer.config = self.config = self.config.model_copy(update={"lr": self.config.lr / 2})
        self._notice(
            "not_a_number",
            f"The losses were not finite numbers (step {step}). Back at step {self.trainer.step} with "
            f"a learning rate of {self.config.lr:.2g}; attempt {self._rollbacks} of "
            f"{_MAX_ROLLBACKS}.",
        )
        return True

    def _sample(self) -> None:
        path = self.samples / f"sample-{self.trainer.step:06d}.jpg"
        engine = StyleEngine(self.trainer.result(), "torch", self.trainer.device)
        rendered = []
        for content, style in zip(self._contents[:3], self._styles[:3], strict=False):
            statistics = engine.style_statistics(read_picture(style), 256)
            photo = resize_picture(read_picture(content, target_long_side=256), 256)
            rendered.append(engine.stylize(Picture(photo.pixels), statistics, alpha=1.0).pixels)
        height = max(each.shape[0] for each in rendered)
        padded = [np.pad(each, ((0, height - each.shape[0]), (0, 0), (0, 0))) for each in rendered]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_picture(Picture(np.concatenate(padded, axis=1)), "jpeg", 90))
        except OSError as error:
            self._notice("sample_not_written", f"A sample can't be written ({error.strerror}).")
            return
        self._emit(Sample(step=self.trainer.step, path=path))

    def _finish(self, reason: str) -> Outcome:
        self._checkpoint()
        self._sample()
        self._timer.stop()
        path = self.folder.folder / FINAL
        figures: dict[str, float | int] = {
            "steps": self.trainer.step,
            "seconds": round(self._timer.seconds, 1),
        }
        figures |= {f"{name}_loss": round(value, 5) for name, value in self._smooth.items()}
        described = {"kind": "adain", **self.config.model_dump(mode="json")}
        try:
            save_network(
                self.trainer.result(),
                path,
                training=described,
                figures=figures,
                steps=self.trainer.step,
            )
        except OSError as error:
            message = (
                f"The network can't be written ({error.strerror or error}). Free space, then resume."
            )
            self._emit(Failed(step=self.trainer.step, code="network_not_written", message=message))
            return "failed"
        self._emit(Finished(step=self.trainer.step, path=path, reason=reason, figures=figures))
        return "finished"

    def _notice(self, code: str, message: str) -> None:
        self._emit(Notice(step=self.trainer.step, code=code, message=message))


def _digest(config: AdaINTrainConfig, files: Sequence[Path]) -> str:
    # The length of the training shapes the weights, since the learning rate falls at its end.
    settings = config.model_dump(mode="json", exclude=set(NO_EFFECT_ON_WEIGHTS - {"max_steps"}))
    names = [f"{path.name} {path.stat().st_size}" for path in files if path.exists()]
    return hashlib.sha256(json.dumps([settings, names]).encode()).hexdigest()
