"""A training as a process of its own: `python -m nst_core.training.process SPEC.json`.

SPEC is a JSON object: "kind" ("johnson" or "adain"), "contents" (a folder or a list of files), "style"
(a file for johnson; a folder or a list for adain), "checkpoint_dir", "samples_dir", "settings",
"resume", "threads" and "device". Standard output carries one JSON event a line and nothing else.

SIGTERM or SIGINT writes a checkpoint and ends with code 75; SIGUSR1 finishes now with what there is.
Other codes: 0 finished, 2 refused or given up (the last event says why), 1 a defect. It ends when its
parent does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from nst_core.errors import NstError
from nst_core.training.events import Event, Failed, Notice, OnEvent

STOPPED = 75
REFUSED = 2


class Session(Protocol):
    """A training of any kind."""

    def restore(self, folder: Path) -> None:
        """Go on from the newest checkpoint there."""
        ...

    def run(self, should_stop: Any) -> str:
        """Train; returns "finished", "converged", "stopped" or "failed"."""
        ...


class Wishes:
    """What signals have asked for; the training asks after every step."""

    def __init__(self) -> None:
        self._wish: str | None = None

    def __call__(self) -> str | None:
        """The wish: "stop", "finish" or None."""
        return self._wish

    def listen(self) -> None:
        """Take the signals; a second SIGINT or SIGTERM kills, as it would any process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGUSR1, self._finish)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._wish = "stop"
        signal.signal(number, signal.SIG_DFL)

    def _finish(self, number: int, frame: FrameType | None) -> None:
        self._wish = self._wish or "finish"


def main(arguments: Sequence[str]) -> int:
    """Run the training of the file `arguments[0]`; returns the exit code."""
    parent = os.getppid()
    wishes = Wishes()
    wishes.listen()
    _die_with(parent)
    emit = _emitter()
    try:
        session = prepare(_spec(arguments), emit)
        outcome = session.run(wishes)
    except NstError as error:
        emit(Failed(step=0, code="refused", message=" ".join(str(error).split())))
        return REFUSED
    return {"stopped": STOPPED, "failed": REFUSED}.get(outcome, 0)


def _spec(arguments: Sequence[str]) -> Mapping[str, Any]:
    from nst_core.training.errors import TrainingError

    if len(arguments) != 1:
        raise TrainingError("Give the one file that describes the training.")
    try:
        spec = json.loads(Path(arguments[0]).read_bytes())
    except (OSError, ValueError) as error:
        raise TrainingError(f"{arguments[0]} is no JSON file: {error}.") from error
    missing = [name for name in ("kind", "contents", "style", "checkpoint_dir") if name not in spec]
    if missing:
        raise TrainingError(f"The description lacks {', '.join(missing)}.")
    found: Mapping[str, Any] = spec
    return found


def prepare(spec: Mapping[str, Any], emit: OnEvent) -> Session:
    """The training that `spec` describes, restored if it says so and there is a checkpoint.

    Raises errors of `nst_core` for what can't be trained.
    """
    import torch

    from nst_core.training.checkpoints import CheckpointFolder, TrainingStateError
    from nst_core.training.errors import TrainingError

    if spec.get("threads"):
        torch.set_num_threads(int(spec["threads"]))
    if spec["kind"] == "johnson":
        session = _johnson(spec, emit)
    elif spec["kind"] == "adain":
        session = _adain(spec, emit)
    else:
        raise TrainingError(
            f"There is no training of the kind {spec['kind']!r}; there are johnson, adain."
        )
    folder = Path(spec["checkpoint_dir"])
    if spec.get("resume") and CheckpointFolder(folder).any():
        try:
            session.restore(folder)
        except TrainingStateError as error:
            emit(Notice(step=0, code="checkpoints_lost", message=f"{error} Starting again."))
    return session


def _johnson(spec: Mapping[str, Any], emit: OnEvent) -> Session:
    from nst_core.training.checkpoints import CheckpointFolder
    from nst_core.training.johnson.config import JohnsonTrainConfig
    from nst_core.training.johnson.trainer import JohnsonTrainer
    from nst_core.training.preflight import consult, usable

    config = JohnsonTrainConfig.of(spec.get("settings") or {})
    photos, style = usable(_files(spec["contents"]), emit), Path(spec["style"])
    folder, device = Path(spec["checkpoint_dir"]), spec.get("device") or "auto"
    if not (spec.get("resume") and CheckpointFolder(folder).any()):
        consult(photos, style, config, emit, device)
    return JohnsonTrainer(
        config,
        photos,
        style,
        folder,
        device=device,
        on_event=emit,
        samples_dir=_folder(spec.get("samples_dir")),
    )


def _adain(spec: Mapping[str, Any], emit: OnEvent) -> Session:
    from nst_core.training.adain.session import AdaINSession
    from nst_core.training.preflight import usable

    return AdaINSession(
        spec.get("settings") or {},
        usable(_files(spec["contents"]), emit),
        usable(_files(spec["style"]), emit),
        Path(spec["checkpoint_dir"]),
        device=spec.get("device") or "auto",
        on_event=emit,
        samples_dir=_folder(spec.get("samples_dir")),
    )


def _files(given: str | Sequence[str]) -> list[Path]:
    from nst_core.training.data import image_paths

    if not isinstance(given, str):
        return [Path(path) for path in given]
    return [Path(given)] if Path(given).is_file() else image_paths(given)


def _folder(given: str | None) -> Path | None:
    return Path(given) if given else None


def _emitter() -> OnEvent:
    """Writes events to the real standard output, which nothing else may write to from then on."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def emit(event: Event) -> None:
        stream.write(json.dumps(event.as_json()) + "\n")
        stream.flush()

    return emit


def _die_with(parent: int) -> None:
    """End at once when the process `parent` is gone: nobody would hear how it goes."""

    def gone(*_: object) -> None:
        if os.getppid() != parent:
            os._exit(1)

    def watch() -> None:
        while True:
            time.sleep(1)
            gone()

    threading.Thread(target=watch, name="parent", daemon=True).start()
    if sys.platform == "linux":
        import ctypes

        # The kernel sends it when the thread that started this process ends, which may be before the
        # parent does; so it only makes this process look.
        signal.signal(signal.SIGHUP, gone)
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGHUP)  # PR_SET_PDEATHSIG
    gone()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
