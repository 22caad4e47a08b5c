"""Trainer subprocess: start, events, stop and finish signals, and termination."""

from __future__ import annotations

import json
import logging
import queue
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from nst_core.training.events import Event, ExitCode, parse_event

log = logging.getLogger(__name__)

#: Bytes of a crashed trainer's output that are repeated in the log.
_MAX_LOGGED_OUTPUT = 4_000
_REQUESTS = {signal.SIGTERM, signal.SIGUSR1}


class TrainerProcess:
    """Runs `command` on a specification, a file in `folder`. Leaving the context kills the process.

    The process speaks the protocol of `nst_core.training.process`. It is started with the signals of
    requests blocked, and unblocks them.
    """

    def __init__(self, command: Sequence[str], spec: dict[str, Any], folder: Path) -> None:
        self._spec = folder / "spec.json"
        self._spec.write_text(json.dumps(spec))
        self._command = command
        self._output = folder / "train.log"
        self._events: queue.Queue[Event | None] = queue.Queue()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> TrainerProcess:
        with self._output.open("ab") as output:
            # A child has the signal mask of the thread that starts it. Requests that come before the
            # trainer has its handlers wait until it has them; otherwise they would end it.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, _REQUESTS)
            try:
                # In its own session, so that signals to the worker's process group do not reach it:
                # the worker tells it when to stop.
                self._process = subprocess.Popen(
                    [*self._command, str(self._spec)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=output,
                    start_new_session=True,
                )
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        threading.Thread(target=self._read_events, name="trainer", daemon=True).start()
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
        """The running process."""
        assert self._process is not None  # noqa: S101 - only used inside the context
        return self._process

    def next_event(self, seconds: float) -> Event | None:
        """Next event, or None if none comes within `seconds`. Raises `EOFError` after the last."""
        try:
            event = self._events.get(timeout=seconds)
        except queue.Empty:
            return None
        if event is None:
            raise EOFError
        return event

    def stop(self) -> None:
        """Ask the process to write a checkpoint and end."""
        self._signal(signal.SIGTERM)

    def finish(self) -> None:
        """Ask the process to end with the network as it is."""
        self._signal(signal.SIGUSR1)

    def wait(self) -> int:
        """Wait for the end; returns the exit code. The output of a crashed trainer is logged."""
        code = self.process.wait()
        if code not in list(ExitCode):
            with self._output.open("rb") as file:
                file.seek(max(0, self._output.stat().st_size - _MAX_LOGGED_OUTPUT))
                log.error("the trainer ended with %d: %s", code, file.read().decode(errors="replace"))
        return code

    def _signal(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)

    def _read_events(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        with self.process.stdout as lines:
            for line in lines:
                try:
                    self._events.put(parse_event(json.loads(line)))
                except ValueError:
                    log.warning("ignored a line of the trainer that is not an event: %r", line[:200])
        self._events.put(None)
