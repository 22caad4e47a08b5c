"""Process supervisor: starts the processes of the service, restarts them when they end, stops them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: Seconds that a process has to stop before it is killed.
GRACE_SECONDS = 20.0


@dataclass
class Process:
    """A supervised process: its command line, log file and state."""

    name: str
    command: list[str]
    log: Path
    running: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    retry_at: float = field(default=0.0)


class Supervisor:
    """Keeps processes running until `stop` is called."""

    def __init__(
        self, environment: Mapping[str, str], logs: Path, report: Callable[[str], None]
    ) -> None:
        self._environment = dict(environment)
        self._logs = logs
        self._report = report
        self._processes: list[Process] = []
        self.stopping = threading.Event()

    def start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a process; its output goes to a log file of its name."""
        self._logs.mkdir(parents=True, exist_ok=True)
        process = Process(name, command, self._logs / f"{name}.log")
        self._processes.append(process)
        return self._launch(process)

    def _launch(self, process: Process) -> subprocess.Popen[bytes]:
        with process.log.open("ab") as log:
            process.running = subprocess.Popen(
                process.command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C must reach only the supervisor, which stops the processes in order.
                start_new_session=True,
            )
        process.started_at = time.monotonic()
        return process.running

    def watch(self) -> None:
        """Restart processes that end, with growing delays, until `stopping` is set."""
        while not self.stopping.wait(0.5):
            for process in self._processes:
                self._check(process)

    def _check(self, process: Process) -> None:
        at = time.monotonic()
        if process.running is None:
            if at >= process.retry_at:
                self._launch(process)
            return
        code = process.running.poll()
        if code is None:
            if at - process.started_at > 60:
                process.failures = 0
            return
        process.failures += 1
        delay = min(30.0, 0.5 * 2 ** (process.failures - 1))
        process.running, process.retry_at = None, at + delay
        self._report(f"{process.name} ended ({code}), restarting it in {delay:g} s; see {process.log}")

    def stop(self) -> None:
        """Stop all processes, the last started first; kill processes that don't stop in time."""
        self.stopping.set()
        for process in reversed(self._processes):
            if process.running is None:
                continue
            _signal_group(process.running, signal.SIGTERM, group=False)
            try:
                process.running.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._report(f"{process.name} did not stop in {GRACE_SECONDS:g} s and is killed")
            # Children of a dead process would hold ports and leases.
            _signal_group(process.running, signal.SIGKILL, group=True)
            process.running.wait()


def _signal_group(process: subprocess.Popen[bytes], number: int, *, group: bool) -> None:
    try:
        if group:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
    except ProcessLookupError:
        pass


def resolve(command: list[str]) -> list[str]:
    """The command with the program of this Python environment, which may not be on PATH."""
    program = Path(sys.executable).parent / command[0]
    return [str(program) if program.exists() else command[0], *command[1:]]
