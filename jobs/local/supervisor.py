"""Runs the processes of the service on one machine: starts them, starts them again, stops them."""

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

#: How long a process may take to stop before it is killed.
GRACE_SECONDS = 20.0


@dataclass
class Process:
    """One process and its command line."""

    name: str
    command: list[str]
    log: Path
    running: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    retry_at: float = field(default=0.0)


class Supervisor:
    """Keeps processes running until `stop` is called."""

    def __init__(self, environment: Mapping[str, str], logs: Path, say: Callable[[str], None]) -> None:
        self._environment = dict(environment)
        self._logs = logs
        self._say = say
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
                # Ctrl-C reaches the supervisor alone, which stops the others in order.
                start_new_session=True,
            )
        process.started_at = time.monotonic()
        return process.running

    def watch(self) -> None:
        """Start again whatever ends, waiting longer each time, until `stopping` is set."""
        while not self.stopping.wait(0.5):
            for process in self._processes:
                self._look_after(process)

    def _look_after(self, process: Process) -> None:
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
        wait = min(30.0, 0.5 * 2 ** (process.failures - 1))
        process.running, process.retry_at = None, at + wait
        self._say(f"{process.name} ended ({code}), starting it again in {wait:g} s; see {process.log}")

    def stop(self) -> None:
        """Stop everything, the last started first, and kill what does not stop in time."""
        self.stopping.set()
        for process in reversed(self._processes):
            if process.running is None:
                continue
            _signal_group(process.running, signal.SIGTERM, group=False)
            try:
                process.running.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._say(f"{process.name} did not stop in {GRACE_SECONDS:g} s and is killed")
            # Children that outlived their parent hold ports and leases.
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
    """The same command with programs of this Python's own environment, whatever PATH says."""
    program = Path(sys.executable).parent / command[0]
    return [str(program) if program.exists() else command[0], *command[1:]]
