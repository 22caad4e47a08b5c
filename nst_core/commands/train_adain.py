"""Command `atelier train --kind adain`: train an arbitrary-style network from two folders."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_core.commands.output import print_json, show_notice
from nst_core.errors import NstError

if TYPE_CHECKING:
    from nst_core.training.adain.trainer import AdaINTrainer, Step
    from params.training import AdaINTrainConfig


class TrainError(NstError):
    """A training can't start or continue."""


def train_adain(
    kind: str,
    widths: str | None,
    width: float | None,
    content: Path,
    style: Path,
    out: Path,
    resume: Path | None,
    state: Path | None,
    save_every: int,
    hold_out: int,
    device: str,
    as_json: bool,
    given: Mapping[str, Any],
) -> None:
    """Train an arbitrary-style network; `given` holds the settings given as options."""
    from nst_core.networks.files import save_network
    from nst_core.runtimes.choice import choose_device
    from nst_core.training.adain.trainer import AdaINTrainer
    from nst_core.training.data import held_out, image_paths

    before = _read_state(resume) if resume else {}
    config = _config(given, before)
    contents, unseen_contents = held_out(image_paths(content, show_notice), hold_out)
    styles, unseen_styles = held_out(image_paths(style, show_notice), hold_out)
    if not contents or not styles:
        raise TrainError(f"--hold-out {hold_out} leaves no pictures to train on. Give a larger number.")
    trainer = AdaINTrainer(
        _network(config, widths, width, before),
        contents,
        styles,
        config,
        device=choose_device(device),
    )
    if resume:
        trainer.restore(resume)
    state = state or out.with_suffix(".state")
    with _training_display(trainer, state, save_every) as on_step:
        result = trainer.run(on_step)
    trainer.save(state)
    described: dict[str, Any] = {
        "noise": result.noise,
        "training": {"kind": kind, **config.model_dump(mode="json")},
        "steps": trainer.step,
        "contents": len(contents),
        "styles": len(styles),
    }
    if unseen_contents and unseen_styles and trainer.step >= config.max_steps:
        described["figures"] = _validated(result, unseen_contents[:5], unseen_styles[:5])
    save_network(result, out, **described)
    if as_json:
        print_json({"network": str(out), "state": str(state), "losses": on_step.losses, **described})
    else:
        click.echo(f"{out}: {trainer.step} of {config.max_steps} steps.")
    if trainer.step < config.max_steps:
        click.echo(f"Stopped early. Resume with --resume {state}", err=True)
        raise click.exceptions.Exit(130)


def _read_state(path: Path) -> dict[str, Any]:
    import pickle

    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: state[name] for name in ("config", "architecture", "settings")}
    except (KeyError, TypeError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise TrainError(f"{path} is not the state file of a training.") from error


def _config(given: Mapping[str, Any], before: dict[str, Any]) -> AdaINTrainConfig:
    """Settings from options first, then from the state file, then defaults."""
    from nst_core.networks.registry import NAMES
    from nst_core.training.config import parse_config

    saved: dict[str, Any] = {}
    if before:
        network = next(
            name for name, architecture in NAMES.items() if architecture == before["architecture"]
        )
        # State files of earlier versions name no network.
        values = {"network": network, **json.loads(before["config"])}
        saved = parse_config("adain", values).model_dump()
    return parse_config("adain", {**saved, **given}, strict=False)


def _network(
    config: AdaINTrainConfig, widths: str | None, width: float | None, before: dict[str, Any]
) -> Any:
    import torch

    from nst_core.networks.registry import NAMES, build_network

    torch.manual_seed(config.seed)
    if before:
        return build_network(before["architecture"], json.loads(before["settings"]))
    settings: dict[str, Any] = {}
    if widths is not None:
        try:
            settings["widths"] = tuple(int(part) for part in widths.split(","))
        except ValueError:
            settings["widths"] = ()
        if config.network != "slim" or len(settings["widths"]) != 3 or min(settings["widths"]) < 1:
            raise click.UsageError("--widths takes three whole numbers, such as 32,64,128, for slim.")
    if width is not None:
        if config.network != "full":
            raise click.UsageError("--width is for --network full; slim has --widths.")
        settings["width"] = width
    return build_network(NAMES[config.network], settings)


class _TrainingDisplay:
    """Prints progress, saves the state, and stops on Ctrl-C or when a loss is not finite."""

    def __init__(
        self, trainer: AdaINTrainer, state: Path, save_every: int, note: Callable[[str], None]
    ):
        self.losses: dict[str, float] = {}
        self.stopping = False
        self._trainer = trainer
        self._state = state
        self._save_every = save_every
        self._note = note
        self._saved = False

    def __call__(self, step: Step) -> bool:
        if not all(math.isfinite(value) for value in step.losses.values()):
            advice = f"Resume from {self._state}" if self._saved else "Start again"
            raise TrainError(
                f"The losses of step {step.step} are not finite. {advice} with a lower --lr."
            )
        for name, value in step.losses.items():
            self.losses[name] = value + 0.98 * (self.losses.get(name, value) - value)
        figures = "  ".join(f"{name} {value:.4f}" for name, value in self.losses.items())
        self._note(f"{step.step}/{step.total}  {figures}  {step.images_per_second:.2f} images/s")
        if step.step % self._save_every == 0:
            self._trainer.save(self._state)
            self._saved = True
        return not self.stopping


@contextmanager
def _training_display(
    trainer: AdaINTrainer, state: Path, save_every: int
) -> Iterator[_TrainingDisplay]:
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("Training", total=trainer.config.max_steps, completed=trainer.step)

        def note(line: str) -> None:
            bar.update(task, completed=trainer.step, description=line)
            if not console.is_terminal and trainer.step % 50 == 0:
                click.echo(line, err=True)

        display = _TrainingDisplay(trainer, state, save_every, note)

        def stop(number: int, frame: object) -> None:
            # The first Ctrl-C stops after the step, so that the state is complete; a second at once.
            display.stopping = True
            signal.signal(signal.SIGINT, signal.default_int_handler)

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield display
        finally:
            signal.signal(signal.SIGINT, before)


def _validated(network: Any, contents: list[Path], styles: list[Path]) -> dict[str, float | int]:
    """Quality metrics at alpha 1 on held-out pictures, at 256 pixels to be fast."""
    from nst_core.evaluation.evaluate import evaluate, summarize
    from nst_core.evaluation.quality import Judge
    from nst_core.stylize.style_engine import StyleEngine

    engine = StyleEngine(network, "torch", "cpu")
    loss_network = Judge(style_size=256)
    methods = {
        "trained": lambda content, style: engine.stylize(
            content, engine.style_statistics(style, 256), alpha=1.0
        )
    }
    return summarize([pair for _, pair in evaluate(methods, contents, styles, loss_network, size=256)])
