"""Trainer that tunes slim's decoder to one style, with checkpoints, exact resumption and cancelling.

The encoder and the statistics of the style stay as they are, so everything that works with slim works
with the tuned network: strengths, masks, strokes, tiles, videos, int8 and exports.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from nst_core.images.noise import noise_field
from nst_core.images.picture import PictureError, read_picture, to_tensor
from nst_core.networks.registry import open_network
from nst_core.runtimes.choice import choose_device
from nst_core.runtimes.pytorch import TorchRuntime
from nst_core.stylize.style_engine import StyleEngine
from nst_core.training.config import digest
from nst_core.training.errors import TrainingError
from nst_core.training.events import Failed, OnEvent, Outcome, ShouldStop, StopRequest
from nst_core.training.johnson.style import style_picture
from nst_core.training.photo_crops import PhotoCrops
from nst_core.training.recorded_step import RecordedStep, step_recorder
from nst_core.training.session import TrainingSession
from nst_core.training.tune.objective import CONTENT_WEIGHTS, TuneObjective, as_one_picture
from nst_core.training.tune.output import save_tuned, write_sample
from nst_core.training.tune.state import TuneState

if TYPE_CHECKING:
    from nst_core.runtimes.recorder import Recorder
    from params.training import TuneTrainConfig

#: Times that a tuning goes back to its last checkpoint, with a lower rate, before it is given up.
MAX_ROLLBACKS = 3
#: Names of the losses, those of `TuneLosses`.
_LOSSES = ("total", "content", "style", "gram")
#: Share of a new step in the smoothed losses.
_SMOOTHING = 0.1


class TuneTrainer(TrainingSession):
    """Tunes the decoder of a slim network to the picture `style` on photographs `contents`.

    `recorder` records the steps; by default they are CUDA graphs on CUDA, and plain on a CPU. Raises
    `PictureError`, `DataError`, `NetworkError`, `TrainingError` or `RuntimeChoiceError` if the tuning
    can't start.
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
        recorder: Recorder | None = None,
    ) -> None:
        self.config = config
        self.device = choose_device(device)
        super().__init__(config, checkpoint_dir, samples_dir, on_event)
        self.style_name = Path(style).name
        recorder = recorder or step_recorder(self.device)
        self.state = TuneState(config, self.device, recorded=recorder is not None)
        self._step = RecordedStep(self._one_step, self.device, recorder)
        picture = read_picture(Path(style))
        self.style = style_picture(picture, config.style_size)
        network = open_network(config.network)
        plain = StyleEngine(network, TorchRuntime(network, self.device))
        self.statistics = plain.style_statistics(picture, config.style_size).clone()
        self._target = self.statistics.to(self.device)
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
        self.smooth: dict[str, float] = {}
        self._healthy = self.state.saved()
        self._rollbacks = 0

    @property
    def step(self) -> int:
        """See `TrainingSession`."""
        return self.state.step

    def _restore_state(self, saved: Mapping[str, Any]) -> None:
        if saved["identity"] != self._identity:
            raise TrainingError(
                "The checkpoint is of a tuning with another style picture or other settings. "
                "Resume with its own, or start in another folder."
            )
        self.state.restore(saved["training"])
        self._step.forget()
        self.smooth = dict(saved["smooth"])
        self._healthy = self.state.saved()

    def run(self, should_stop: ShouldStop = lambda: None) -> Outcome:
        """See `TrainingSession`."""
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
        batch = self.crops[number]
        if number not in self._structures:
            self._structures[number] = self._objective.structure(self._floats(batch))
        self.state.begin_step()
        (numbers,) = self._step(batch, self._noise(step, batch.shape), self._structures[number])
        values = dict(zip(_LOSSES, numbers.tolist(), strict=True))
        if not all(np.isfinite(value) for value in values.values()):
            return self._roll_back()
        self.state.step += 1
        for name, value in values.items():
            before = self.smooth.get(name, value)
            self.smooth[name] = before + _SMOOTHING * (value - before)
        self._progress(self.smooth)
        return True

    def _one_step(self, batch: Tensor, noise: Tensor, structure: Tensor) -> list[Tensor]:
        painted = self._painted(self._floats(batch), noise)
        losses = self._objective(painted, structure)
        self.state.update_weights(losses.total)
        # In one tensor, since each transfer of a value waits for the GPU.
        return [torch.stack([getattr(losses, name).detach() for name in _LOSSES])]

    def _floats(self, batch: Tensor) -> Tensor:
        """A uint8 batch on the device, as floats in [0, 1]."""
        content = batch.to(self.device).float().div_(255)
        return content.contiguous(memory_format=torch.channels_last)

    def _painted(self, content: Tensor, noise: Tensor) -> Tensor:
        """The network's paintings (B, 3, S, S) of photographs with noise, not clamped.

        The photographs count as one picture: each keeps its share of light, dark and colour.
        """
        network = self.state.network
        with torch.no_grad():
            features = network.encode(content + noise.to(content))
            mine = network.statistics(tuple(as_one_picture(level) for level in features))
        return network.decode(features, mine, self._target)

    def _noise(self, step: int, shape: Sequence[int]) -> Tensor:
        """Noise (B, 3, S, S) that depends on the seed and the step alone."""
        random = np.random.default_rng((self.config.seed, 2, step))
        fields = [
            random.uniform(*self.config.noise)
            * torch.from_numpy(noise_field(0, 0, shape[2], shape[3], int(random.integers(2**32))))
            for _ in range(shape[0])
        ]
        return torch.stack(fields).float()

    def _roll_back(self) -> bool:
        step = self.state.step
        if self._rollbacks == MAX_ROLLBACKS:
            message = "The losses are not finite numbers, after 3 rollbacks. Try a lower rate."
            self._emit(Failed(step=step, code="not_a_number", message=message))
            return False
        self._rollbacks += 1
        rate = self.state.rate * 0.3
        self.state.restore(self._healthy)
        self._step.forget()
        self.state.rate = rate
        self._notice(
            "not_a_number",
            f"The losses are not finite numbers (step {step}). Back at step {self.state.step} with a "
            f"lower rate; attempt {self._rollbacks} of {MAX_ROLLBACKS}.",
        )
        return True

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
            return self._stop()
        return None

    def _saved_state(self) -> dict[str, Any]:
        self._healthy = self.state.saved()
        return {"identity": self._identity, "training": self._healthy, "smooth": self.smooth}

    def _score(self) -> float:
        return self.smooth.get("total", math.inf)

    def _write_sample(self, path: Path) -> None:
        write_sample(path, self.state.network, self.statistics, self.crops)

    def _figures(self) -> dict[str, float | int]:
        return {
            "steps": self.step,
            "seconds": round(self._timer.seconds, 1),
            **{name: round(value, 4) for name, value in self.smooth.items()},
        }

    def _write_network(self, path: Path, figures: Mapping[str, float | int]) -> None:
        save_tuned(self.state, path, self.style, self.style_name, self.statistics, self.crops, figures)


def _file_digest(path: Path) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise PictureError(f"The style {path} can't be read: {error.strerror}.") from error
