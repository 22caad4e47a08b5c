"""AdaIN training with the events, checkpoints and outcomes that every kind of training has."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from imaging.atomic_write import atomic_write
from nst_core.images.picture import Picture, encode_picture, read_picture, resize_picture
from nst_core.networks.files import save_network
from nst_core.networks.registry import NAMES, build_network
from nst_core.runtimes.choice import choose_device
from nst_core.runtimes.pytorch import TorchRuntime
from nst_core.stylize.style_engine import StyleEngine
from nst_core.training.adain.trainer import AdaINTrainer, Step
from nst_core.training.config import NO_EFFECT_ON_WEIGHTS
from nst_core.training.errors import TrainingError
from nst_core.training.events import Failed, OnEvent, Outcome, ShouldStop, StopRequest
from nst_core.training.session import TrainingSession
from nst_core.training.tensorboard import LossLog

if TYPE_CHECKING:
    from params.training import AdaINTrainConfig

#: Rollbacks because of non-finite losses before the training is given up.
_MAX_ROLLBACKS = 3


class AdaINSession(TrainingSession):
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
        super().__init__(config, checkpoint_dir, samples_dir, on_event)
        self._contents, self._styles = list(contents), list(styles)
        self._digest = _digest(config, [*contents, *styles])
        self._smooth: dict[str, float] = {}
        self._rollbacks = 0
        self._request: StopRequest | None = None
        self._not_finite = False

    @property
    def step(self) -> int:
        """See `TrainingSession`."""
        return self.trainer.step

    def _restore_state(self, saved: Mapping[str, Any]) -> None:
        if saved["digest"] != self._digest:
            raise TrainingError("The checkpoint is for a training with other settings or pictures.")
        self.trainer.load_state(saved["training"])
        self._smooth = dict(saved["smooth"])

    def run(self, should_stop: ShouldStop = lambda: None) -> Outcome:
        """See `TrainingSession`."""
        self._timer.start()
        with LossLog(self.folder.folder / "logs", self.trainer.step, self._notice) as log:
            while True:
                if self._train(log, should_stop):
                    break
                if not self._roll_back():
                    return "failed"
        if self._request == "stop":
            return self._stop()
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
        self._progress(self._smooth)
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

    def _saved_state(self) -> dict[str, Any]:
        return {"digest": self._digest, "training": self.trainer.state(), "smooth": self._smooth}

    def _score(self) -> float:
        return self._smooth.get("total", math.inf)

    def _write_sample(self, path: Path) -> None:
        network = self.trainer.result()
        engine = StyleEngine(network, TorchRuntime(network, self.trainer.device))
        rendered = []
        for content, style in zip(self._contents[:3], self._styles[:3], strict=False):
            statistics = engine.style_statistics(read_picture(style), 256)
            photo = resize_picture(read_picture(content, target_long_side=256), 256)
            rendered.append(engine.stylize(Picture(photo.pixels), statistics, alpha=1.0).pixels)
        height = max(each.shape[0] for each in rendered)
        padded = [np.pad(each, ((0, height - each.shape[0]), (0, 0), (0, 0))) for each in rendered]
        with atomic_write(path) as file:
            file.write(encode_picture(Picture(np.concatenate(padded, axis=1)), "jpeg", 90))

    def _figures(self) -> dict[str, float | int]:
        return {
            "steps": self.step,
            "seconds": round(self._timer.seconds, 1),
            **{f"{name}_loss": round(value, 5) for name, value in self._smooth.items()},
        }

    def _write_network(self, path: Path, figures: Mapping[str, float | int]) -> None:
        network = self.trainer.result()
        save_network(
            network,
            path,
            noise=network.noise,
            training={"kind": "adain", **self.config.model_dump(mode="json")},
            figures=dict(figures),
            steps=self.step,
        )


def _digest(config: AdaINTrainConfig, files: Sequence[Path]) -> str:
    # The length of the training shapes the weights, since the learning rate falls at its end.
    settings = config.model_dump(mode="json", exclude=set(NO_EFFECT_ON_WEIGHTS - {"max_steps"}))
    names = [f"{path.name} {path.stat().st_size}" for path in files if path.exists()]
    return hashlib.sha256(json.dumps([settings, names]).encode()).hexdigest()
