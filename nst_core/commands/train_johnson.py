"""Command `atelier train --style-image`: train a network for one style."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_core.commands.output import print_json, show_notice

if TYPE_CHECKING:
    from rich.console import RenderableType

    from nst_core.training.events import Event, StopRequest


#: Ctrl-C, the end of a service or a machine, and a closed terminal.
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def train_johnson(
    content_dir: Path,
    style_image: Path,
    checkpoint_dir: Path | None,
    output_dir: Path | None,
    resume: Path | None,
    device: str,
    as_json: bool,
    given: Mapping[str, Any],
) -> None:
    """Train, or resume from the folder `resume`; `given` holds the settings given as options."""
    from nst_core.training.checkpoints import CheckpointFolder
    from nst_core.training.config import parse_config
    from nst_core.training.data import image_paths
    from nst_core.training.johnson.trainer import JohnsonTrainer
    from nst_core.training.preflight import readable_pictures

    folder = checkpoint_dir or resume
    assert folder is not None  # noqa: S101 - `train` requires one of the two
    saved: dict[str, Any] = {}
    if resume is not None:
        saved = CheckpointFolder(resume).load()[0]["identity"]["settings"]
    elif CheckpointFolder(folder).any():
        raise click.UsageError(
            f"{folder} already holds checkpoints. Use --resume {folder}, or give another folder."
        )
    config = parse_config("johnson", {**saved, **given}, strict=False)
    with training_display(config.max_steps, quiet=as_json) as display:
        photos = readable_pictures(image_paths(content_dir, show_notice), display.on_event)
        trainer = JohnsonTrainer(
            config,
            photos,
            style_image,
            folder,
            device=device,
            on_event=display.on_event,
            samples_dir=output_dir,
        )
        if resume is not None:
            trainer.restore(resume)
        outcome = trainer.run(display.should_stop)
    last = display.last.as_json()
    if as_json:
        print_json({"outcome": outcome, "events": display.messages, **_ending(last)})
    if outcome == "failed":
        raise click.ClickException(str(last["message"]))
    if outcome == "stopped":
        places = shlex.join(["--content-dir", str(content_dir), "--style-image", str(style_image)])
        click.echo(
            f"Stopped at step {last['step']} of {config.max_steps}. Resume with:\n"
            f"  atelier train {places} --resume {shlex.quote(str(folder))}",
            err=True,
        )
        raise click.exceptions.Exit(130)
    if not as_json:
        early = {"converged": ", stopped early: converged", "asked": ", finished early on request"}
        click.echo(f"{last['path']}: {last['step']} steps{early.get(str(last['reason']), '')}.")


def _ending(last: dict[str, Any]) -> dict[str, Any]:
    if last["event"] != "finished":
        return {"step": last["step"]}
    return {"network": last["path"], "step": last["step"], "reason": last["reason"], **last["figures"]}


class _TrainingDisplay:
    """Displays the events of a training, and turns signals into a stop request."""

    def __init__(self, show: Any) -> None:
        self._show = show
        self._request: StopRequest | None = None
        self.last: Event
        #: Notices, samples and errors, for --json.
        self.messages: list[dict[str, Any]] = []

    def on_event(self, event: Event) -> None:
        """Handle an event."""
        self.last = event
        if event.name in ("notice", "sample", "error"):
            self.messages.append(event.as_json())
        self._show(event.as_json())

    def should_stop(self) -> StopRequest | None:
        """The stop request, which the trainer polls."""
        return self._request

    def stop(self, number: int, frame: object) -> None:
        """Signal handler: the first signal stops after the step with a checkpoint, a second at once."""
        self._request = "stop"
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if number == signal.SIGHUP:
            # The terminal is gone, and writing to it would fail before the checkpoint is saved.
            self._show = lambda _: None


@contextmanager
def training_display(total: int, *, quiet: bool) -> Iterator[_TrainingDisplay]:
    """Show a training of `total` steps: a bar on a terminal, lines elsewhere, nothing if `quiet`."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    line = ""

    class TwoLines(Progress):
        """The bar, and the losses on a line of their own: together they need more than 80 columns."""

        def get_renderables(self) -> Iterable[RenderableType]:
            yield self.make_tasks_table(self.tasks)
            yield line

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with TwoLines(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("", total=total)

        def show(event: dict[str, Any]) -> None:
            nonlocal line
            if event["event"] == "progress":
                losses = "  ".join(f"{name} {value:.4g}" for name, value in event["losses"].items())
                line = f"{losses}  {event['images_per_second']} images/s"
                bar.update(task, completed=event["step"])
                if not quiet and not console.is_terminal:
                    click.echo(f"{event['step']}/{total}  {line}", err=True)
            elif event["event"] == "notice" and not quiet:
                bar.console.print(event["message"], highlight=False)
            elif event["event"] == "sample" and not quiet:
                bar.console.print(f"Sample: {event['path']}", highlight=False)

        display = _TrainingDisplay(show)
        before = {number: signal.signal(number, display.stop) for number in _STOP_SIGNALS}
        try:
            yield display
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
