"""Processes of the measured services, and their memory."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import httpx

from jobs.local.supervisor import resolve


class Fleet:
    """Processes of one service, each in its own process group with its children."""

    def __init__(
        self, home: Path, environment: Mapping[str, str], checkout: Path | None = None
    ) -> None:
        """Processes with logs in `home`.

        `checkout`: their working folder, with a `.venv` whose programs they are. Default: this version.
        """
        self.home = home
        self._environment = dict(environment)
        if checkout is not None:
            self._environment["PYTHONPATH"] = str(checkout)  # not that of this version
        self._checkout = checkout
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[str]) -> None:
        """Start a process; its output goes to a log of its name in the home folder."""
        with (self.home / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._resolve(command),
                env=self._environment,
                cwd=self._checkout,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, *names: str) -> None:
        """Stop the named processes, or all; kills processes that do not stop within 30 s."""
        for name in names or tuple(reversed(list(self._running))):
            process = self._running.pop(name)
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def run(self, command: list[str]) -> None:
        """Run a command to its end. Raises `CalledProcessError`."""
        subprocess.run(
            self._resolve(command),
            env=self._environment,
            cwd=self._checkout,
            check=True,
            capture_output=True,
        )

    def _resolve(self, command: list[str]) -> list[str]:
        program = self._checkout / ".venv/bin" / command[0] if self._checkout else None
        return [str(program), *command[1:]] if program and program.exists() else resolve(command)

    def memory_mb(self) -> dict[str, float]:
        """Process name → proportional set size of its group, in megabytes."""
        groups = {process.pid: name for name, process in self._running.items()}
        found = dict.fromkeys(self._running, 0.0)
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                group = int((folder / "stat").read_text().rpartition(")")[2].split()[2])
                if group in groups:
                    found[groups[group]] += _pss(folder / "smaps_rollup")
            except OSError:
                continue  # the process ended meanwhile
        return {name: round(megabytes, 1) for name, megabytes in found.items()}

    def wait_for(self, url: str, seconds: float = 120) -> None:
        """Wait until a URL responds. Raises `RuntimeError` after a timeout."""
        self.until(lambda: _answers(url), seconds, f"{url} did not answer")

    def until(self, condition: Callable[[], bool], seconds: float, problem: str) -> None:
        """Wait for a condition. Raises `RuntimeError` with the last error and the path of the logs."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{problem} within {seconds:g} s; see the logs in {self.home}.")
            time.sleep(0.02)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2).status_code < 500
    except httpx.HTTPError:
        return False


def _pss(path: Path) -> float:
    for line in path.read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0
