"""A training as a process of its own, which this one follows, steers and, if need be, kills."""

from __future__ import annotations

import json
import logging
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

log = logging.getLogger(__name__)

#: Exit codes of `nst_core.training.process`.
STOPPED = 75
REFUSED = 2
#: How much of a crashed training's output the log repeats, in bytes.
_TAIL = 4_000


class TrainerProcess:
    """Runs `nst_core.training.process` on a specification. Leaving the context kills it."""

    def __init__(self, spec: dict[str, Any], folder: Path) -> None:
        self._spec = folder / "spec.json"
        self._spec.write_text(json.dumps(spec))
        self._output = folder / "train.log"
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> TrainerProcess:
        with self._output.open("ab") as output:
            # A session of its own: a signal to our group is for us, and we tell it what to do.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nst_core.training.process", str(self._spec)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
            )
        threading.Thread(target=self._read, name="trainer", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process, once started."""
        assert self._process is not None  # noqa: S101 - used inside the context alone
        return self._process

    def next(self, seconds: float) -> dict[str, Any] | None:
        """The next event, or None if there is none for so long. Raises `EOFError` after the last."""
        try:
            event = self._events.get(timeout=seconds)
        except queue.Empty:
            return None
        if event is None:
            raise EOFError
        return event

    def stop(self) -> None:
        """Have it write a checkpoint and end."""
        self._signal(signal.SIGTERM)

    def finish(self) -> None:
        """Have it end with the network as it is."""
        self._signal(signal.SIGUSR1)

    def wait(self) -> int:
        """Its exit code."""
        code = self.process.wait()
        if code not in (0, STOPPED, REFUSED):
            with self._output.open("rb") as file:
                file.seek(max(0, self._output.stat().st_size - _TAIL))
                log.error("the training ended with %d: %s", code, file.read().decode(errors="replace"))
        return code

    def _signal(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        with self.process.stdout as lines:
            for line in lines:
                try:
                    self._events.put(json.loads(line))
                except ValueError:
                    log.warning("the training wrote what is no event: %r", line[:200])
        self._events.put(None)
