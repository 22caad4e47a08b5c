"""Train slim and the decoder of full further on a graphics card, within a given time.

`bench/gpu_train.sh DATA OUT` runs it. DATA holds photographs in `content*.tar` and paintings in
`style*.tar`. Each network is trained on small crops first, then on larger ones; the number of steps
follows from the pace of the first steps.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from bench.gpu.settings import settings
from nst_core.errors import NstError
from nst_core.networks.files import save_network
from nst_core.networks.registry import StyleNetwork, open_network
from nst_core.networks.slim import SlimAdaIN
from nst_core.runtimes.choice import choose_device
from nst_core.training.adain.dead_units import revive
from nst_core.training.adain.device_crops import DeviceCrops
from nst_core.training.adain.trainer import AdaINTrainer, Step
from nst_core.training.data import CropRecipe, image_paths

#: Weights of the losses and learning rate of each network.
RECIPES: dict[str, dict[str, float]] = {
    "slim": {"style_weight": 18.0, "gram_weight": 2.0, "identity_weight": 0.1, "lr": 5e-4},
    "full": {"style_weight": 18.0, "gram_weight": 2.0, "identity_weight": 2.0, "lr": 5e-4},
}
#: Fewer pictures of a kind than this are taken for a mistake.
LEAST_PICTURES = 200
#: Steps that are not timed, and steps whose pace is taken for that of the rest.
_WARM_UP, _TIMED = 10, 30
_ENDLESS = 10_000_000
#: Numbers of photographs and paintings that dead units are found with, and their side in pixels.
_SOME, _SIDE = (8, 16), 128


class GpuTrainError(NstError):
    """A training on a graphics card can't start."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of a training: side of the crops in pixels, batch size, share of the time."""

    side: int
    batch: int
    share: float


STAGES = (Stage(side=160, batch=64, share=0.45), Stage(side=256, batch=32, share=0.55))
SMALL = (Stage(side=32, batch=2, share=0.5), Stage(side=40, batch=1, share=0.5))


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """What a stage did; losses are unweighted and smoothed."""

    network: str
    side: int
    steps: int
    photos_per_second: float
    losses: dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the networks and write them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.train_adain", description=main.__doc__)
    parser.add_argument("data", type=Path, help="folder of content*.tar and style*.tar")
    parser.add_argument("--out", type=Path, required=True, help="folder of the networks")
    parser.add_argument("--seconds", type=float, default=540.0, help="time for everything")
    parser.add_argument("--networks", default=",".join(RECIPES), help="slim, full")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--small", action="store_true", help="tiny crops and few pictures: for a CPU")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        with TemporaryDirectory() as folder:
            contents, styles = _unpacked(given.data, Path(folder), 1 if given.small else LEAST_PICTURES)
            sys.stderr.write(f"{len(contents)} photographs, {len(styles)} paintings\n")
            names = given.networks.split(",")
            left = given.seconds - (time.monotonic() - began)
            for name in names:
                _train(
                    name,
                    (contents, styles),
                    given.out,
                    choose_device(given.device),
                    left / len(names),
                    SMALL if given.small else STAGES,
                )
    except NstError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _unpacked(data: Path, folder: Path, least: int) -> tuple[list[Path], list[Path]]:
    """Photographs and paintings of the archives. Raises `GpuTrainError` if there are too few."""
    found = []
    for kind in ("content", "style"):
        target = folder / kind
        archives = sorted(data.glob(f"{kind}*.tar"))
        for archive in archives:
            with tarfile.open(archive) as tar:
                tar.extractall(target / archive.stem, filter="data")
        pictures = image_paths(target) if archives else []
        if len(pictures) < least:
            raise GpuTrainError(
                f"{data} has {len(pictures)} pictures in {kind}*.tar; at least {least} are needed."
            )
        found.append(pictures)
    return found[0], found[1]


def _train(
    name: str,
    pictures: tuple[list[Path], list[Path]],
    out: Path,
    device: str,
    seconds: float,
    stages: Sequence[Stage],
) -> None:
    """Train one network through all stages, and write it and `NAME.json` to `out`."""
    if name not in RECIPES:
        raise GpuTrainError(f"There is no network {name!r} to train; there are {', '.join(RECIPES)}.")
    torch.manual_seed(0)
    network = open_network(name)
    if isinstance(network, SlimAdaIN):
        found = revive(network, *map(_squares, pictures, _SOME))
        sys.stderr.write(f"dead units with new weights: {json.dumps(found)}\n")
    results = []
    out.mkdir(parents=True, exist_ok=True)
    for stage in stages:
        network, result = _stage(name, network, pictures, device, seconds * stage.share, stage)
        results.append(asdict(result))
        sys.stderr.write(f"{json.dumps(results[-1])}\n")
        save_network(
            network,
            out / f"{name}.safetensors",
            half=True,
            noise=network.noise,
            training={"stages": results},
        )
    (out / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")


def _squares(paths: list[Path], count: int) -> Tensor:
    """`count` squares of the pictures, (N, 3, S, S), to find dead units with."""
    recipe = CropRecipe(size=_SIDE, zoom=(0.8, 1.0))
    some = paths[:: max(1, len(paths) // count)][:count]
    return DeviceCrops(some, recipe, seed=0, device="cpu", memory_mb=100).batch(0, count)


def _stage(
    name: str,
    network: StyleNetwork,
    pictures: tuple[list[Path], list[Path]],
    device: str,
    seconds: float,
    stage: Stage,
) -> tuple[StyleNetwork, StageResult]:
    """The network after a stage of `seconds`, reading of the pictures included."""
    until = time.monotonic() + seconds
    config: Any = settings(
        "adain",
        network=name,
        max_steps=_ENDLESS,
        batch_size=stage.batch,
        image_size=stage.side,
        style_size=stage.side,
        content_zoom=(0.5, 1.0),
        style_zoom=(0.57, 1.0),
        **RECIPES[name],
    )
    trainer = AdaINTrainer(network, *pictures, config, device=device, on_device=True)
    smooth: dict[str, float] = {}

    def on_step(step: Step) -> bool:
        for loss, value in step.losses.items():
            smooth[loss] = value + 0.98 * (smooth.get(loss, value) - value)
        return time.monotonic() < until

    trainer.run(on_step, until=_WARM_UP)
    began, first = time.monotonic(), trainer.step
    trainer.run(on_step, until=first + _TIMED)
    pace = max(1, trainer.step - first) / (time.monotonic() - began)
    total = trainer.step + max(1, int(pace * (until - time.monotonic())))
    # The rate falls over the second half of the steps; the last stage ends near zero.
    trainer.config = config.model_copy(update={"max_steps": total, "decay_steps": total // 2})
    result = trainer.run(on_step)
    return result, StageResult(
        network=name,
        side=stage.side,
        steps=trainer.step,
        photos_per_second=round(pace * stage.batch, 1),
        losses={loss: round(value, 4) for loss, value in smooth.items()},
    )


if __name__ == "__main__":
    sys.exit(main())
