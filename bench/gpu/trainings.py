"""Trainings on a device for a given time: one style, tuning, any style. They run as for a user."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench.gpu.clock import is_cuda
from bench.gpu.pictures import gallery_styles
from bench.gpu.settings import settings
from nst_core.networks.registry import ARCHITECTURES, NAMES
from nst_core.runtimes.recorder import DirectRecorder
from nst_core.training.adain.trainer import AdaINTrainer, Step
from nst_core.training.drawn_photos import drawn_photos
from nst_core.training.events import Failed, Progress, StopRequest
from nst_core.training.johnson.trainer import JohnsonTrainer
from nst_core.training.tune.trainer import TuneTrainer

#: Share of the time at the start that is not counted for the rate: data is read, kernels are chosen.
_START = 0.2
#: Steps that no training reaches in its time.
_ENDLESS = 100_000
#: End of the name of a training whose steps run launch by launch, to set beside the same with graphs.
EAGER = " without graphs"
#: Settings of the trainings: as their users get them, and as small as they can be.
CARD: dict[str, dict[str, Any]] = {
    "johnson": {"batch_size": 4, "image_size": 256},
    "tune": {},
    "adain": {"batch_size": 64, "image_size": 160, "style_size": 160},
}
SMALL: dict[str, dict[str, Any]] = {
    "johnson": {"batch_size": 1, "image_size": 32, "num_workers": 0},
    "tune": {"batch_size": 1, "image_size": 32, "style_size": 32, "pool": 2},
    "adain": {"batch_size": 1, "image_size": 32, "style_size": 32},
}


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training that ran for some seconds. Losses are the totals at its start and at its end.

    `kind` ends in `EAGER` if its steps were not recorded as CUDA graphs.
    """

    kind: str
    steps: int
    seconds: float
    photos_per_second: float
    first_loss: float
    last_loss: float
    peak_mb: float | None


@dataclass
class _Watch:
    """Ends a training when its time is over, and keeps what is reported."""

    seconds: float
    steps_at_least: int = 2
    started: float = 0.0
    marks: list[tuple[float, int]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def start(self) -> None:
        self.started = time.perf_counter()

    def is_over(self, step: int) -> bool:
        """Note a step; whether the time is over."""
        self.marks.append((time.perf_counter() - self.started, step))
        return step >= self.steps_at_least and self.marks[-1][0] >= self.seconds

    def rate(self, batch: int) -> float:
        """Photographs a second after the start."""
        end, last = self.marks[-1]
        begin, first = next(mark for mark in self.marks if mark[0] >= _START * end)
        return batch * (last - first) / (end - begin) if last > first else batch * last / end


def train(device: str, seconds: float, folder: Path, *, small: bool) -> Iterator[Training]:
    """Run each kind of training for `seconds` on drawn photographs and paintings of the gallery."""
    photos = drawn_photos(folder / "photos")
    sizes = SMALL if small else CARD
    for kind, run in _runs(photos, folder, device).items():
        chosen = sizes[kind.removesuffix(EAGER)]
        if is_cuda(device):
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
        watch = _Watch(seconds)
        run(chosen, watch)
        end, steps = watch.marks[-1]
        yield Training(
            kind=kind,
            steps=steps,
            seconds=round(end, 1),
            photos_per_second=round(watch.rate(_batch_size(kind, chosen)), 1),
            first_loss=round(watch.losses[0], 4),
            last_loss=round(watch.losses[-1], 4),
            peak_mb=round(torch.cuda.max_memory_allocated(device) / 1e6) if is_cuda(device) else None,
        )


def count(device: str) -> int:
    """The number of trainings on a device."""
    return 5 if is_cuda(device) else 3


def _runs(
    photos: list[Path], folder: Path, device: str
) -> dict[str, Callable[[dict[str, Any], _Watch], None]]:
    """The trainings by kind; on CUDA those of one style without graphs too."""
    runs: dict[str, Callable[[dict[str, Any], _Watch], None]] = {}
    trainers: tuple[tuple[str, Any], ...] = ("johnson", JohnsonTrainer), ("tune", TuneTrainer)
    for kind, trainer in trainers:
        runs[kind] = partial(_session, trainer, kind, photos, folder, device)
        if is_cuda(device):
            eager = partial(trainer, recorder=DirectRecorder())
            runs[kind + EAGER] = partial(_session, eager, kind, photos, folder / "eager", device)
    return runs | {"adain": partial(_adain, photos, device)}


def _batch_size(kind: str, chosen: dict[str, Any]) -> int:
    size: int = settings(kind.removesuffix(EAGER), **chosen).batch_size
    return size


def _session(
    trainer: Any,
    kind: str,
    photos: list[Path],
    folder: Path,
    device: str,
    chosen: dict[str, Any],
    watch: _Watch,
) -> None:
    config = settings(
        kind, max_steps=_ENDLESS, log_interval=1, checkpoint_interval=_ENDLESS,
        sample_interval=_ENDLESS, **chosen,
    )  # fmt: skip

    def on_event(event: object) -> None:
        if isinstance(event, Progress):
            watch.losses.append(event.losses["total"])
        if isinstance(event, Failed):
            raise RuntimeError(event.message)

    session = trainer(
        config, photos, gallery_styles()[0], folder / kind, device=device, on_event=on_event
    )

    def should_stop() -> StopRequest | None:
        return "stop" if watch.is_over(session.step) else None

    watch.start()
    session.run(should_stop)


def _adain(photos: list[Path], device: str, chosen: dict[str, Any], watch: _Watch) -> None:
    config = settings("adain", max_steps=_ENDLESS, **chosen)
    torch.manual_seed(config.seed)
    network = ARCHITECTURES[NAMES[config.network]]()
    trainer = AdaINTrainer(network, photos, gallery_styles(), config, device=device)

    def on_step(step: Step) -> bool:
        watch.losses.append(config.style_weight * step.losses["style"] + step.losses["content"])
        return not watch.is_over(step.step)

    watch.start()
    trainer.run(on_step)
