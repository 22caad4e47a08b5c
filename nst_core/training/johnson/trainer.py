"""Training of one style (Johnson et al. 2016): watched, mended where it can be, exactly resumable.

The loop knows nothing of who listens: it calls `on_event`, and asks `should_stop` after every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from nst_core.images.picture import read_picture, to_tensor
from nst_core.losses.perceptual import LossNetwork
from nst_core.runtimes.choice import choose_device
from nst_core.training.checkpoints import CheckpointFolder
from nst_core.training.events import Failed, Finished, Notice, OnEvent, Progress, Sample, Saved, Stopped
from nst_core.training.health import Trouble, Watch, Yardsticks
from nst_core.training.johnson.config import JohnsonTrainConfig as JohnsonTrainConfig
from nst_core.training.johnson.identity import Identity
from nst_core.training.johnson.objective import CALIBRATION_BATCHES, Losses, Objective, seen
from nst_core.training.johnson.output import figures_of, save_final, write_sample
from nst_core.training.johnson.recovery import Rescuer, given_up
from nst_core.training.johnson.state import TrainingState, device_of, first_network, quick_kernels
from nst_core.training.johnson.style import style_picture
from nst_core.training.pace import Pace
from nst_core.training.photo_crops import Loader, PhotoCrops
from nst_core.training.tensorboard import LossLog

Outcome = Literal["finished", "stopped", "converged", "failed"]
FINAL = "final_model.safetensors"
#: Steps between the copies in memory that a training is put back to.
_SNAPSHOT = 50
#: Steps that are compared to see whether the loss still falls.
_WINDOW = 500


class JohnsonTrainer:
    """One training of `config` on `contents` for `style`, with its checkpoints in `checkpoint_dir`.

    Samples go to `samples_dir`, else beside the checkpoints. Raises `PictureError`, `DataError`,
    `VggError`, `CheckpointError` or `RuntimeChoiceError` for what it can't start with.
    """

    def __init__(
        self,
        config: JohnsonTrainConfig,
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
        self._tell = on_event
        self._style_name = Path(style).name
        self._style = style_picture(read_picture(Path(style)), config.style_side)
        self._identity = Identity.of(config, Path(style), contents)
        self.crops = PhotoCrops(
            contents,
            config.image_size,
            config.batch_size,
            seed=config.seed,
            cache_mb=config.cache_mb,
        )
        judge = LossNetwork.load(
            config.loss_network,
            config.style_layers,
            content_layer=config.content_layer,
            device=self.device,
        )
        self._objective = Objective(config, judge, to_tensor(self._style.pixels).to(self.device))
        self.state = TrainingState(config, first_network(config), self.device)
        self._rescuer = Rescuer(self.state)
        self._pace = Pace(log_interval=config.log_interval, total=config.max_steps)
        self._watch: Watch | None = None
        self._weighted: dict[str, float] = {}
        self._broken_told = 0

    def restore(self, folder: Path) -> None:
        """Go on from the newest whole checkpoint in `folder`. Raises `TrainingStateError`, or
        `TrainingError` if it is of another style or of other settings.
        """
        saved, damaged = CheckpointFolder(folder).load()
        if not self._identity.check(saved["identity"]):
            self._notice("data_changed", "The photographs are not those of the checkpoint; going on.")
        self.state.restore(saved["training"])
        self._rescuer.used = int(saved["rescues"])
        self._pace.seconds = float(saved["seconds"])
        self._watch = Watch(Yardsticks(**saved["yardsticks"]), window=_WINDOW)
        self._watch.restore(saved["watch"])
        for sentence in damaged:
            self._notice("checkpoint_damaged", f"{sentence} Going on from the one before.")

    def run(self, should_stop: Callable[[], str | None] = lambda: None) -> Outcome:
        """Train to the last step or until `should_stop` answers.

        Its answers: None goes on, "stop" stops with a checkpoint to go on from later, "finish" ends now
        with the network as it is. Every outcome is told as an event first.
        """
        cuda = device_of(self.device) == "cuda"
        with (
            Loader(self.crops, workers=self.config.num_workers, pin=cuda) as loader,
            LossLog(self.folder.folder / "logs", self.state.step, self._notice) as log,
            quick_kernels(cuda),
        ):
            self._prepare()
            self._rescuer.remember()
            self._pace.start()
            batches = loader.batches(self.state.step)
            while self.state.step < self.config.max_steps:
                trouble = self._advance(next(batches), log)
                if trouble is None:
                    outcome = self._after_step(should_stop())
                    if outcome is not None:
                        return outcome
                elif self._rescue(trouble):
                    batches = loader.batches(self.state.step)
                else:
                    return "failed"
            return self._finish("steps")

    def losses(self, batch: Tensor) -> tuple[Losses, Tensor]:
        """The losses of a batch (B, 3, S, S) uint8 with gradients, and the network's output."""
        content = self._ready(batch)
        half = self.state.half
        with torch.autocast(device_of(self.device), half) if half is not None else nullcontext():
            output = self.state.network(content)
            losses = self._objective(output, content, self.state.style_weight)
        return losses, output

    @property
    def watch(self) -> Watch:
        """Made before the first step, or with a restored state."""
        assert self._watch is not None  # noqa: S101
        return self._watch

    def _prepare(self) -> None:
        """Take the yardsticks, and find the style weight if none was given."""
        if self._watch is not None:
            return
        batches = [self._ready(self.crops[step]) for step in range(CALIBRATION_BATCHES)]
        self._watch = Watch(self._objective.yardsticks(batches), window=_WINDOW)
        balanced = self._objective.balanced(self._watch.yardsticks)
        given = self.config.style_weight
        if given is None:
            self.state.style_weight = balanced
            strength = self.config.strength
            self._notice(
                "style_weight", f"The style weight for strength {strength:g} is {balanced:.3g}."
            )
        elif not 1e-3 < given / balanced < 1e3:
            self._notice(
                "style_weight_far_off",
                f"A style weight of {given:g} is far from the {balanced:.2g} that would balance this "
                "style with these photographs.",
            )

    def _ready(self, batch: Tensor) -> Tensor:
        """uint8 of a loader → floats in [0, 1] on the device."""
        moved = batch.to(self.device, non_blocking=True, memory_format=torch.channels_last)
        return moved.float().div_(255)

    def _advance(self, batch: Tensor, log: LossLog) -> Trouble | None:
        losses, output = self.losses(batch)
        self.state.descend(losses.total)
        look, self._weighted = seen(losses, output)
        trouble = self.watch.observe(look)
        if trouble is None:
            self._progress(log)
        return trouble

    def _progress(self, log: LossLog) -> None:
        step = self.state.step
        if self._pace.logged(step):
            log.write(step, self._weighted)
        if not self._pace.due(step):
            return
        rate, left = self._pace.take(step)
        smooth = self.watch.smooth
        self._tell(
            Progress(
                step=step,
                total=self.config.max_steps,
                losses={
                    "content": self.config.content_weight * smooth["content"],
                    "style": self.state.style_weight * smooth["style"],
                    "tv": self._weighted["tv"],
                    "total": smooth["total"],
                },
                images_per_second=round(rate * self.config.batch_size, 2),
                eta_s=round(left, 1),
            )
        )

    def _after_step(self, wish: str | None) -> Outcome | None:
        step, config = self.state.step, self.config
        healthy = self.watch.healthy
        if step % _SNAPSHOT == 0 and healthy and self.watch.judged:
            self._rescuer.remember()
        if step < config.max_steps:
            if step % config.sample_interval == 0:
                self._sample()
            # What looks wrong is not worth going back to: the checkpoint waits until it looks well.
            if step % config.checkpoint_interval == 0 and healthy:
                self._checkpoint()
        for path, reason in list(self.crops.broken.items())[self._broken_told :]:
            self._notice("photo_unreadable", f"{path.name} is left out: {reason}")
            self._broken_told += 1
        if wish == "finish":
            return self._finish("asked")
        if wish is not None:
            self._tell(Stopped(step=step, path=self._checkpoint() or self.folder.folder))
            return "stopped"
        if config.early_stop and self.watch.converged:
            return self._finish("converged")
        return None

    def _rescue(self, trouble: Trouble) -> bool:
        """Whether it can go on."""
        step = self.state.step
        done = self._rescuer.rescue(trouble, self._objective.balanced(self.watch.yardsticks))
        if done is None:
            self._tell(Failed(step=step, code=trouble, message=given_up(trouble)))
            return False
        self.watch.reset()
        self.folder.forget_after(self.state.step)
        self._notice(trouble, done)
        return True

    def _checkpoint(self) -> Path | None:
        state = {
            "identity": self._identity.saved(),
            "training": self.state.saved(),
            "rescues": self._rescuer.used,
            "seconds": self._pace.seconds,
            "yardsticks": asdict(self.watch.yardsticks),
            "watch": self.watch.state(),
        }
        score = self.watch.smooth.get("total", math.inf)
        try:
            path, best = self.folder.save(state, step=self.state.step, score=score)
        except OSError as error:
            reason = error.strerror or error
            self._notice(
                "checkpoint_not_written",
                f"The checkpoint can't be written ({reason}); the one before stays.",
            )
            return None
        self._tell(Saved(step=self.state.step, path=path, best=best))
        return path

    def _sample(self) -> None:
        path = self._samples / f"sample-{self.state.step:06d}.jpg"
        try:
            write_sample(path, self.state.result(), self.crops)
        except OSError as error:
            self._notice("sample_not_written", f"A sample can't be written ({error.strerror}).")
            return
        self._tell(Sample(step=self.state.step, path=path))

    def _finish(self, reason: str) -> Outcome:
        self._checkpoint()
        self._sample()
        self._pace.stop()
        step, path = self.state.step, self.folder.folder / FINAL
        figures = figures_of(self.watch, self.state, self._pace.seconds)
        try:
            save_final(self.state, path, self._style, self._style_name, figures)
        except OSError as error:
            said = f"The network can't be written ({error.strerror or error}). Make room, then resume."
            self._tell(Failed(step=step, code="network_not_written", message=said))
            return "failed"
        self._tell(Finished(step=step, path=path, reason=reason, figures=figures))
        return "converged" if reason == "converged" else "finished"

    def _notice(self, code: str, message: str) -> None:
        self._tell(Notice(step=self.state.step, code=code, message=message))
