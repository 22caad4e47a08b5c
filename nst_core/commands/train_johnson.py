"""`atelier train --style-image`: a network for one style."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_core.commands.output import print_json
from nst_core.training.johnson.config import JohnsonTrainConfig

if TYPE_CHECKING:
    from nst_core.training.events import Event


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
    """Train, or go on from the folder `resume`; `given` are the settings that were named."""
    from nst_core.training.checkpoints import CheckpointFolder
    from nst_core.training.data import image_paths
    from nst_core.training.johnson.trainer import JohnsonTrainer
    from nst_core.training.preflight import usable

    folder = checkpoint_dir or resume
    assert folder is not None  # noqa: S101 - one of them was asked for
    held: dict[str, Any] = {}
    if resume is not None:
        held = CheckpointFolder(resume).load()[0]["identity"]["settings"]
    elif CheckpointFolder(folder).any():
        raise click.UsageError(
            f"{folder} holds checkpoints already. Go on with --resume {folder}, or name another folder."
        )
    config = JohnsonTrainConfig.of({**held, **given})
    with _listener(config.max_steps, quiet=as_json) as listener:
        photos = usable(image_paths(content_dir), listener.hear)
        trainer = JohnsonTrainer(
            config,
            photos,
            style_image,
            folder,
            device=device,
            on_event=listener.hear,
            samples_dir=output_dir,
        )
        if resume is not None:
            trainer.restore(resume)
        outcome = trainer.run(listener.wish)
    last = listener.last.as_json()
    if as_json:
        print_json({"outcome": outcome, "events": listener.kept, **_ending(last)})
    if outcome == "failed":
        raise click.ClickException(str(last["message"]))
    if outcome == "stopped":
        places = shlex.join(["--content-dir", str(content_dir), "--style-image", str(style_image)])
        click.echo(
            f"Stopped at step {last['step']} of {config.max_steps}. Go on with:\n"
            f"  atelier train {places} --resume {shlex.quote(str(folder))}",
            err=True,
        )
        raise click.exceptions.Exit(130)
    if not as_json:
        early = {"converged": ", stopped early: it has converged", "asked": ", ended as was asked"}
        click.echo(f"{last['path']}: {last['step']} steps{early.get(str(last['reason']), '')}.")


def _ending(last: dict[str, Any]) -> dict[str, Any]:
    if last["event"] != "finished":
        return {"step": last["step"]}
    return {"network": last["path"], "step": last["step"], "reason": last["reason"], **last["figures"]}


class _Listener:
    """Shows events; takes Ctrl-C as a wish to stop."""

    def __init__(self, show: Any) -> None:
        self._show = show
        self._wish: str | None = None
        self.last: Event
        #: Notices and samples, for --json.
        self.kept: list[dict[str, Any]] = []

    def hear(self, event: Event) -> None:
        """Called with every event."""
        self.last = event
        if event.name in ("notice", "sample", "error"):
            self.kept.append(event.as_json())
        self._show(event.as_json())

    def wish(self) -> str | None:
        """See `JohnsonTrainer.run`."""
        return self._wish

    def stop(self, number: int, frame: object) -> None:
        """The first asks for the end of the step, so that all is whole; the second insists."""
        self._wish = "stop"
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _listener(total: int, *, quiet: bool) -> Iterator[_Listener]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("", total=total)

        def show(event: dict[str, Any]) -> None:
            if event["event"] == "progress":
                losses = "  ".join(f"{name} {value:.4g}" for name, value in event["losses"].items())
                line = f"{losses}  {event['images_per_second']} images/s"
                bar.update(task, completed=event["step"], description=line)
                if not quiet and not console.is_terminal:
                    click.echo(f"{event['step']}/{total}  {line}", err=True)
            elif event["event"] == "notice" and not quiet:
                bar.console.print(event["message"], highlight=False)
            elif event["event"] == "sample" and not quiet:
                bar.console.print(f"Sample: {event['path']}", highlight=False)

        listener = _Listener(show)
        before = signal.signal(signal.SIGINT, listener.stop)
        try:
            yield listener
        finally:
            signal.signal(signal.SIGINT, before)
