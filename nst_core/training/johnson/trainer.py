"""Trainer of a network for one style (Johnson et al. 2016), with health checks and exact resumption."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nst_core.images.picture import read_picture, to_tensor
from nst_core.losses.perceptual import LossNetwork
from nst_core.runtimes.choice import choose_device
from nst_core.training.events import Failed, OnEvent, Outcome, ShouldStop, StopRequest
from nst_core.training.health import HealthMonitor, Problem, ReferenceLosses
from nst_core.training.johnson.identity import Identity
from nst_core.training.johnson.objective import (
    CALIBRATION_BATCHES,
    Losses,
    Objective,
    as_numbers,
    measured,
)
from nst_core.training.johnson.output import metrics_of, save_final, write_sample
from nst_core.training.johnson.recovery import Recovery, failure_message
from nst_core.training.johnson.state import TrainingState, cudnn_benchmark, device_type, initial_network
from nst_core.training.johnson.style import style_picture
from nst_core.training.photo_crops import Loader, PhotoCrops
from nst_core.training.recorded_step import RecordedStep, step_recorder
from nst_core.training.session import TrainingSession
from nst_core.training.tensorboard import LossLog

if TYPE_CHECKING:
    from nst_core.runtimes.recorder import Recorder
    from params.training import JohnsonTrainConfig

#: Steps between the snapshots in memory that a rollback goes back to.
_SNAPSHOT_INTERVAL = 50
#: Window in steps over which convergence is judged.
_CONVERGENCE_WINDOW = 500


class JohnsonTrainer(TrainingSession):
    """Trains a `JohnsonNetwork` on photographs `contents` for the picture `style`.

    `loss_network` is one that was loaded before, with the layers of `config`. `recorder` records the
    steps; by default they are CUDA graphs on CUDA, and plain on a CPU. Raises `PictureError`,
    `DataError`, `VggError`, `CheckpointError` or `RuntimeChoiceError` if the training can't start.
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
        loss_network: LossNetwork | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.config = config
        self.device = choose_device(device)
        super().__init__(config, checkpoint_dir, samples_dir, on_event)
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
        loss_network = loss_network or LossNetwork.load(
            config.loss_network,
            config.style_layers,
            content_layer=config.content_layer,
            device=self.device,
        )
        self._objective = Objective(config, loss_network, to_tensor(self._style.pixels).to(self.device))
        recorder = recorder or step_recorder(self.device)
        self.state = TrainingState(
            config, initial_network(config), self.device, recorded=recorder is not None
        )
        self._step = RecordedStep(
            self._one_step, self.device, recorder if self.state.recorded else None
        )
        self._recovery = Recovery(self.state)
        self._health: HealthMonitor | None = None
        self._weighted: dict[str, float] = {}
        self._reported_unreadable = 0

    @property
    def step(self) -> int:
        """See `TrainingSession`."""
        return self.state.step

    def _restore_state(self, saved: Mapping[str, Any]) -> None:
        if not self._identity.check(saved["identity"]):
            self._notice(
                "data_changed",
                "The photographs are not those of the checkpoint; resuming all the same.",
            )
        self.state.restore(saved["training"])
        self._step.forget()
        self._recovery.rollbacks = int(saved["rescues"])
        self._health = HealthMonitor(
            ReferenceLosses.from_state(saved["yardsticks"]), window=_CONVERGENCE_WINDOW
        )
        self._health.restore(saved["watch"])

    def run(self, should_stop: ShouldStop = lambda: None) -> Outcome:
        """See `TrainingSession`; a training that has converged ends before its last step."""
        cuda = device_type(self.device) == "cuda"
        with (
            Loader(self.crops, workers=self.config.num_workers, pin=cuda) as loader,
            LossLog(self.folder.folder / "logs", self.state.step, self._notice) as log,
            cudnn_benchmark(cuda and self.state.amp_dtype is not None),
        ):
            self._measure_reference()
            self._recovery.remember()
            self._timer.start()
            batches = loader.batches(self.state.step)
            while self.state.step < self.config.max_steps:
                problem = self._advance(next(batches), log)
                if problem is None:
                    outcome = self._after_step(should_stop())
                    if outcome is not None:
                        return outcome
                elif self._roll_back(problem):
                    batches = loader.batches(self.state.step)
                else:
                    return "failed"
            return self._finish("steps")

    def losses(
        self, batch: Tensor, style_weight: float | Tensor | None = None
    ) -> tuple[Losses, Tensor]:
        """Losses with gradients of a uint8 batch (B, 3, S, S), and the output of the network.

        `style_weight` is by default that of the state.
        """
        if style_weight is None:
            style_weight = self.state.style_weight
        content = self._to_device(batch)
        dtype = self.state.amp_dtype
        with torch.autocast(device_type(self.device), dtype) if dtype is not None else nullcontext():
            output = self.state.network(content)
            losses = self._objective(output, content, style_weight)
        return losses, output

    def _one_step(self, batch: Tensor, style_weight: Tensor) -> list[Tensor]:
        losses, output = self.losses(batch, style_weight)
        self.state.update_weights(losses.total)
        return [measured(losses, output)]

    @property
    def health(self) -> HealthMonitor:
        """The health monitor, which exists once the reference losses are measured or restored."""
        assert self._health is not None  # noqa: S101
        return self._health

    def _measure_reference(self) -> None:
        """Measure the reference losses, and calibrate the style weight if none was given."""
        if self._health is not None:
            return
        batches = [self._to_device(self.crops[step]) for step in range(CALIBRATION_BATCHES)]
        self._health = HealthMonitor(
            self._objective.reference_losses(batches), window=_CONVERGENCE_WINDOW
        )
        balanced = self._objective.balanced_style_weight(self._health.reference)
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

    def _to_device(self, batch: Tensor) -> Tensor:
        """Move a uint8 batch to the device, as floats in [0, 1]."""
        moved = batch.to(self.device, non_blocking=True, memory_format=torch.channels_last)
        return moved.float().div_(255)

    def _advance(self, batch: Tensor, log: LossLog) -> Problem | None:
        self.state.begin_step()
        (values,) = self._step(batch, torch.tensor(self.state.style_weight))
        self.state.end_step()
        measurements, self._weighted = as_numbers(values)
        problem = self.health.observe(measurements)
        if problem is None:
            if self._timer.is_log_step(self.step):
                log.write(self.step, self._weighted)
            smooth = self.health.smooth
            self._progress(
                {
                    "content": self.config.content_weight * smooth["content"],
                    "style": self.state.style_weight * smooth["style"],
                    "tv": self._weighted["tv"],
                    "total": smooth["total"],
                }
            )
        return problem

    def _after_step(self, request: StopRequest | None) -> Outcome | None:
        step, config = self.state.step, self.config
        healthy = self.health.healthy
        if step % _SNAPSHOT_INTERVAL == 0 and healthy and self.health.warmed_up:
            self._recovery.remember()
        if step < config.max_steps:
            if step % config.steps_between_samples == 0:
                self._sample()
            # An unhealthy state is not worth resuming from: the checkpoint waits until it is healthy.
            if step % config.steps_between_checkpoints == 0 and healthy:
                self._checkpoint()
        for path, reason in list(self.crops.unreadable.items())[self._reported_unreadable :]:
            self._notice("photo_unreadable", f"{path.name} is left out: {reason}")
            self._reported_unreadable += 1
        if request == "finish":
            return self._finish("asked")
        if request is not None:
            return self._stop()
        if config.early_stop and self.health.converged:
            return self._finish("converged")
        return None

    def _roll_back(self, problem: Problem) -> bool:
        """Roll back because of `problem`; returns whether the training can continue."""
        step = self.state.step
        balanced = self._objective.balanced_style_weight(self.health.reference)
        correction = self._recovery.roll_back(problem, balanced)
        if correction is None:
            self._emit(Failed(step=step, code=problem, message=failure_message(problem)))
            return False
        self._step.forget()
        self.health.reset()
        self.folder.delete_after(self.state.step)
        self._notice(problem, correction)
        return True

    def _saved_state(self) -> dict[str, Any]:
        return {
            "identity": self._identity.saved(),
            "training": self.state.saved(),
            "rescues": self._recovery.rollbacks,
            "yardsticks": self.health.reference.state(),
            "watch": self.health.state(),
        }

    def _score(self) -> float:
        return self.health.smooth.get("total", math.inf)

    def _write_sample(self, path: Path) -> None:
        write_sample(path, self.state.result(), self.crops)

    def _figures(self) -> dict[str, float | int]:
        return metrics_of(self.health, self.state, self._timer.seconds)

    def _write_network(self, path: Path, figures: Mapping[str, float | int]) -> None:
        save_final(self.state, path, self._style, self._style_name, figures)
