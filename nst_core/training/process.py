"""Trainer process, run by another program as `python -m nst_core.training.process SPEC.json`.

SPEC is a JSON object: "kind" ("johnson", "adain" or "tune"), "contents" (a folder or a list of files;
for tune also null), "style" (a file for johnson and tune; a folder or a list for adain),
"checkpoint_dir", "samples_dir", "settings", "resume", "threads", "device" and "parent" (the id of the
process that starts it). Standard output carries one event of `nst_core.training.events` a line, as
JSON, and nothing else.

SIGTERM or SIGINT stops the training with a checkpoint; SIGUSR1 finishes it now with the network as it
is. A program that may send one of them before the handlers are there starts the process with the
signal blocked: it then waits, and does not end the process. The exit codes are those of `ExitCode`. The
process ends when its parent process does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from nst_core.errors import NstError
from nst_core.training.events import (
    Event,
    ExitCode,
    Failed,
    Notice,
    OnEvent,
    StopRequest,
)

if TYPE_CHECKING:
    from nst_core.training.session import TrainingSession


class StopSignals:
    """Signal handlers that record a stop request; the training polls it after every step."""

    def __init__(self) -> None:
        self._request: StopRequest | None = None

    def __call__(self) -> StopRequest | None:
        """The request received so far, if any."""
        return self._request

    def install(self) -> None:
        """Install the handlers; a second SIGINT or SIGTERM kills the process as usual.

        Signals that were blocked when the process was started are received now.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGUSR1, self._finish)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1})

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._request = "stop"
        signal.signal(number, signal.SIG_DFL)

    def _finish(self, number: int, frame: FrameType | None) -> None:
        self._request = self._request or "finish"


def main(arguments: Sequence[str]) -> int:
    """Run the training that the file `arguments[0]` describes; returns the exit code."""
    parent = os.getppid()
    signals = StopSignals()
    signals.install()
    _exit_with_parent(parent)
    emit = _event_writer()
    try:
        spec = _read_spec(arguments)
        if spec.get("parent", parent) != os.getppid():
            return 1  # the parent ended before this process could watch it
        session = prepare(spec, emit)
        outcome = session.run(signals)
    except NstError as error:
        emit(Failed(step=0, code="refused", message=" ".join(str(error).split())))
        return ExitCode.REFUSED
    return {"stopped": ExitCode.STOPPED, "failed": ExitCode.REFUSED}.get(outcome, ExitCode.FINISHED)


def _read_spec(arguments: Sequence[str]) -> Mapping[str, Any]:
    from nst_core.training.errors import TrainingError

    if len(arguments) != 1:
        raise TrainingError("Give one argument: the JSON file that describes the training.")
    try:
        spec = json.loads(Path(arguments[0]).read_bytes())
    except (OSError, ValueError) as error:
        raise TrainingError(f"{arguments[0]} can't be read as JSON: {error}.") from error
    missing = [name for name in ("kind", "contents", "style", "checkpoint_dir") if name not in spec]
    if missing:
        raise TrainingError(f"The description lacks {', '.join(missing)}.")
    found: Mapping[str, Any] = spec
    return found


def prepare(spec: Mapping[str, Any], emit: OnEvent) -> TrainingSession:
    """Build the training that `spec` describes, and restore its newest checkpoint if "resume" is true.

    Raises errors of `nst_core` for settings or files that can't be trained with.
    """
    import torch

    from nst_core.training.checkpoints import CheckpointFolder, TrainingStateError
    from nst_core.training.errors import TrainingError

    if spec.get("threads"):
        torch.set_num_threads(int(spec["threads"]))
    build = _SESSIONS.get(spec["kind"])
    if build is None:
        raise TrainingError(
            f"There is no training of the kind {spec['kind']!r}; there are {', '.join(_SESSIONS)}."
        )
    session = build(spec, emit)
    folder = Path(spec["checkpoint_dir"])
    if spec.get("resume") and CheckpointFolder(folder).any():
        try:
            session.restore(folder)
        except TrainingStateError as error:
            emit(Notice(step=0, code="checkpoints_lost", message=f"{error} Starting again."))
    return session


def _johnson(spec: Mapping[str, Any], emit: OnEvent) -> TrainingSession:
    from nst_core.training.checkpoints import CheckpointFolder
    from nst_core.training.config import parse_config
    from nst_core.training.johnson.trainer import JohnsonTrainer
    from nst_core.training.preflight import readable_pictures, report_preflight

    config = parse_config("johnson", spec.get("settings") or {})
    photos, style = readable_pictures(_files(spec["contents"]), emit), Path(spec["style"])
    folder, device = Path(spec["checkpoint_dir"]), spec.get("device") or "auto"
    if not (spec.get("resume") and CheckpointFolder(folder).any()):
        report_preflight(photos, style, config, emit, device)
    return JohnsonTrainer(
        config,
        photos,
        style,
        folder,
        device=device,
        on_event=emit,
        samples_dir=_folder(spec.get("samples_dir")),
    )


def _adain(spec: Mapping[str, Any], emit: OnEvent) -> TrainingSession:
    from nst_core.training.adain.session import AdaINSession
    from nst_core.training.config import parse_config
    from nst_core.training.preflight import readable_pictures

    return AdaINSession(
        parse_config("adain", spec.get("settings") or {}),
        readable_pictures(_files(spec["contents"]), emit),
        readable_pictures(_files(spec["style"]), emit),
        Path(spec["checkpoint_dir"]),
        device=spec.get("device") or "auto",
        on_event=emit,
        samples_dir=_folder(spec.get("samples_dir")),
    )


def _tune(spec: Mapping[str, Any], emit: OnEvent) -> TrainingSession:
    from nst_core.training.checkpoints import CheckpointFolder
    from nst_core.training.config import parse_config
    from nst_core.training.drawn_photos import contents_or_drawn
    from nst_core.training.preflight import readable_pictures, report_preflight
    from nst_core.training.tune.trainer import TuneTrainer

    config = parse_config("tune", spec.get("settings") or {})
    folder, device = Path(spec["checkpoint_dir"]), spec.get("device") or "auto"
    given = None if spec["contents"] is None else readable_pictures(_files(spec["contents"]), emit)
    photos, style = contents_or_drawn(given, folder / "drawn"), Path(spec["style"])
    if not (spec.get("resume") and CheckpointFolder(folder).any()):
        # Not timed: the training itself tells the time after its first steps.
        report_preflight(photos, style, config, emit, device, measure=False)
    return TuneTrainer(
        config,
        photos,
        style,
        folder,
        device=device,
        on_event=emit,
        samples_dir=_folder(spec.get("samples_dir")),
    )


#: Kind of training → function that builds it.
_SESSIONS: dict[str, Callable[[Mapping[str, Any], OnEvent], TrainingSession]] = {
    "johnson": _johnson,
    "adain": _adain,
    "tune": _tune,
}


def _files(given: str | Sequence[str]) -> list[Path]:
    from nst_core.training.data import image_paths

    if not isinstance(given, str):
        return [Path(path) for path in given]
    return [Path(given)] if Path(given).is_file() else image_paths(given)


def _folder(given: str | None) -> Path | None:
    return Path(given) if given else None


def _event_writer() -> OnEvent:
    """Return a writer of events to standard output, and redirect all other output to standard error."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def emit(event: Event) -> None:
        stream.write(json.dumps(event.as_json()) + "\n")
        stream.flush()

    return emit


def _exit_with_parent(parent: int) -> None:
    """Exit as soon as the process `parent` is gone, since nothing would read the events any more."""

    def exit_if_orphaned(*_: object) -> None:
        if os.getppid() != parent:
            os._exit(1)

    def poll() -> None:
        while True:
            time.sleep(1)
            exit_if_orphaned()

    threading.Thread(target=poll, name="parent", daemon=True).start()
    if sys.platform == "linux":
        import ctypes

        # PR_SET_PDEATHSIG fires when the parent *thread* ends, which may be before the parent process
        # does; so the handler compares `getppid()`.
        signal.signal(signal.SIGHUP, exit_if_orphaned)
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGHUP)  # PR_SET_PDEATHSIG
    exit_if_orphaned()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
