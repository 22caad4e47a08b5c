"""The training of an AdaIN network with the events, checkpoints and ends of any other training."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nst_core.images.picture import Picture, encode_picture, read_picture, resize_picture
from nst_core.networks.files import save_network
from nst_core.networks.registry import NAMES, build_network
from nst_core.runtimes.choice import choose_device
from nst_core.stylize.style_engine import StyleEngine
from nst_core.training.adain.config import AdaINTrainConfig
from nst_core.training.adain.trainer import AdaINTrainer, Step
from nst_core.training.checkpoints import CheckpointFolder
from nst_core.training.errors import TrainingError
from nst_core.training.events import Failed, Finished, Notice, OnEvent, Progress, Sample, Saved, Stopped
from nst_core.training.johnson.config import ConfigError
from nst_core.training.tensorboard import LossLog

FINAL = "final_model.safetensors"
_TELL = 3.0
#: Checkpoints that a run of losses without numbers is put back to, at most.
_RESCUES = 3


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Steps between checkpoints, sample pictures and entries of the loss log."""

    checkpoint_interval: int = 200
    sample_interval: int = 200
    log_interval: int = 50
    keep_checkpoints: int = 3


class AdaINSession:
    """`settings` are those of `AdaINTrainConfig` and `Intervals`, and "network": "slim" or "full".

    Raises `ConfigError` or `TrainingError` for what it can't start with.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        contents: Sequence[Path],
        styles: Sequence[Path],
        checkpoint_dir: Path,
        *,
        device: str = "auto",
        on_event: OnEvent = lambda event: None,
        samples_dir: Path | None = None,
    ) -> None:
        self.config, self.intervals, name = _settings(settings)
        torch.manual_seed(self.config.seed)
        self.trainer = AdaINTrainer(
            build_network(NAMES[name], {}), contents, styles, self.config, device=choose_device(device)
        )
        self.folder = CheckpointFolder(checkpoint_dir, keep=self.intervals.keep_checkpoints)
        self.samples = samples_dir or Path(checkpoint_dir) / "samples"
        self._tell = on_event
        self._contents, self._styles = list(contents), list(styles)
        self._digest = _digest(self.config, name, [*contents, *styles])
        self._smooth: dict[str, float] = {}
        self._rescues = 0
        self._seconds = 0.0
        self._wish: str | None = None
        self._broken = False

    def restore(self, folder: Path) -> None:
        """Go on from the newest whole checkpoint. Raises `TrainingStateError` or `TrainingError`."""
        saved, damaged = CheckpointFolder(folder).load()
        if saved["digest"] != self._digest:
            raise TrainingError("The checkpoint is of a training with other settings or pictures.")
        self.trainer.load_state(saved["training"])
        self._smooth, self._seconds = dict(saved["smooth"]), float(saved["seconds"])
        for sentence in damaged:
            self._notice("checkpoint_damaged", f"{sentence} Going on from the one before.")

    def run(self, should_stop: Callable[[], str | None] = lambda: None) -> str:
        """Train to the last step or the first wish; returns as `JohnsonTrainer.run`."""
        self._told, self._recent = time.perf_counter(), 0
        with LossLog(self.folder.folder / "logs", self.trainer.step, self._notice) as log:
            while True:
                if self._train(log, should_stop):
                    break
                if not self._rescue():
                    return "failed"
        if self._wish == "stop":
            path = self._checkpoint() or self.folder.folder
            self._tell(Stopped(step=self.trainer.step, path=path))
            return "stopped"
        return self._finish("asked" if self._wish else "steps")

    def _train(self, log: LossLog, should_stop: Callable[[], str | None]) -> bool:
        """Whether it ended with numbers as losses."""
        self._broken = False
        self.trainer.run(lambda step: self._heard(step, log, should_stop))
        return not self._broken

    def _heard(self, step: Step, log: LossLog, should_stop: Callable[[], str | None]) -> bool:
        if not all(math.isfinite(value) for value in step.losses.values()):
            self._broken = True
            return False
        for name, value in self._weighted(step.losses).items():
            self._smooth[name] = value + 0.95 * (self._smooth.get(name, value) - value)
        self._recent += 1
        if step.step % self.intervals.log_interval == 0:
            log.write(step.step, self._smooth)
        self._progress(step)
        if step.step % self.intervals.sample_interval == 0:
            self._sample()
        if step.step % self.intervals.checkpoint_interval == 0 and step.step < step.total:
            self._checkpoint()
        self._wish = should_stop()
        return self._wish is None

    def _weighted(self, losses: Mapping[str, float]) -> dict[str, float]:
        config = self.config
        content = config.content_weight * losses["content"]
        style = config.style_weight * losses["style"] + config.gram_weight * losses["gram"]
        rest = config.identity_weight * losses["identity"] + 10 * losses["range"]
        return {"content": content, "style": style, "tv": 0.0, "total": content + style + rest}

    def _progress(self, step: Step) -> None:
        now = time.perf_counter()
        due = step.step % self.intervals.log_interval == 0 or step.step == step.total
        if not due and now - self._told < _TELL:
            return
        pace = self._recent / max(now - self._told, 1e-9)
        self._seconds += now - self._told
        self._told, self._recent = now, 0
        self._tell(
            Progress(
                step=step.step,
                total=step.total,
                losses=dict(self._smooth),
                images_per_second=round(pace * self.config.batch_size, 2),
                eta_s=round((step.total - step.step) / max(pace, 1e-9), 1),
            )
        )

    def _checkpoint(self) -> Path | None:
        state = {
            "digest": self._digest,
            "training": self.trainer.state(),
            "smooth": self._smooth,
            "seconds": self._seconds,
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
        self._tell(Saved(step=self.trainer.step, path=path, best=best))
        return path

    def _rescue(self) -> bool:
        """Back to the newest checkpoint, or the start, with half the learning rate."""
        step = self.trainer.step
        if self._rescues >= _RESCUES:
            message = f"The losses are no numbers any more, after {_RESCUES} attempts to mend it."
            self._tell(Failed(step=step, code="not_a_number", message=message))
            return False
        self._rescues += 1
        if self.folder.any():
            self.trainer.load_state(self.folder.load()[0]["training"])
        else:
            raise TrainingError(
                "The losses are no numbers from the first steps on. Lower learning_rate."
            )
        self.trainer.config = self.config = _slower(self.config)
        self._notice(
            "not_a_number",
            f"The losses were no numbers (step {step}). Back at step {self.trainer.step} with a "
            f"learning rate of {self.config.learning_rate:.2g}; attempt {self._rescues} of {_RESCUES}.",
        )
        return True

    def _sample(self) -> None:
        path = self.samples / f"sample-{self.trainer.step:06d}.jpg"
        engine = StyleEngine(self.trainer.result(), "torch", self.trainer.device)
        painted = []
        for content, style in zip(self._contents[:3], self._styles[:3], strict=False):
            statistics = engine.style_statistics(read_picture(style), 256)
            photo = resize_picture(read_picture(content, target_long_side=256), 256)
            painted.append(engine.stylize(Picture(photo.pixels), statistics, alpha=1.0).pixels)
        height = max(each.shape[0] for each in painted)
        framed = [np.pad(each, ((0, height - each.shape[0]), (0, 0), (0, 0))) for each in painted]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_picture(Picture(np.concatenate(framed, axis=1)), "jpeg", 90))
        except OSError as error:
            self._notice("sample_not_written", f"A sample could not be written ({error.strerror}).")
            return
        self._tell(Sample(step=self.trainer.step, path=path))

    def _finish(self, reason: str) -> str:
        self._checkpoint()
        self._sample()
        path = self.folder.folder / FINAL
        figures: dict[str, float | int] = {
            "steps": self.trainer.step,
            "seconds": round(self._seconds, 1),
        }
        figures |= {f"{name}_loss": round(value, 5) for name, value in self._smooth.items()}
        described = {"kind": "adain", **asdict(self.config)}
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
                f"The network could not be written ({error.strerror or error}). Make room, then resume."
            )
            self._tell(Failed(step=self.trainer.step, code="network_not_written", message=message))
            return "failed"
        self._tell(Finished(step=self.trainer.step, path=path, reason=reason, figures=figures))
        return "finished"

    def _notice(self, code: str, message: str) -> None:
        self._tell(Notice(step=self.trainer.step, code=code, message=message))


def _settings(given: Mapping[str, Any]) -> tuple[AdaINTrainConfig, Intervals, str]:
    left = dict(given)
    name = left.pop("network", "slim")
    if name not in NAMES:
        raise ConfigError(f"There is no network {name!r} to train; there are {', '.join(NAMES)}.")
    own = {field.name for field in fields(AdaINTrainConfig)}
    beside = {field.name for field in fields(Intervals)}
    unknown = [key for key in left if key not in own | beside]
    if unknown:
        raise ConfigError(
            f"There is no setting {unknown[0]!r}; there are {', '.join(sorted(own | beside))}."
        )
    for key, value in left.items():
        default = getattr(AdaINTrainConfig if key in own else Intervals, key)
        left[key] = _typed(key, value, default)
    config = AdaINTrainConfig(**{key: left[key] for key in left if key in own})
    return config, Intervals(**{key: left[key] for key in left if key in beside}), name


def _typed(name: str, value: object, default: object) -> Any:
    if isinstance(default, tuple):
        if isinstance(value, list | tuple) and len(value) == len(default):
            return tuple(_typed(name, part, default[0]) for part in value)
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        if isinstance(default, float):
            return float(value)
        if int(value) == value and value >= 0:
            return int(value)
    raise ConfigError(f"{name} can't be {value!r}; its default is {default!r}.")


def _slower(config: AdaINTrainConfig) -> AdaINTrainConfig:
    return AdaINTrainConfig(**{**asdict(config), "learning_rate": config.learning_rate / 2})


def _digest(config: AdaINTrainConfig, name: str, files: Sequence[Path]) -> str:
    shaping = {key: value for key, value in asdict(config).items() if key != "cache_mb"}
    seen = [f"{path.name} {path.stat().st_size}" for path in files if path.exists()]
    return hashlib.sha256(json.dumps([shaping, name, seen]).encode()).hexdigest()
