"""`atelier up` as a real process, with a home folder of its own."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.patience import PATIENCE
from support.service_stack import OUTSIDE, ROOT


def environment_of(home: Path, **settings: str) -> dict[str, str]:
    """Nothing of ours from outside; the service's files are in `home`/var."""
    outside = {key: value for key, value in os.environ.items() if key not in OUTSIDE}
    own = {"ATELIER_HOME": str(home / "var"), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return outside | own | settings


@contextmanager
def embedded_service(home: Path, **settings: str) -> Iterator[str]:
    """Start it on any free port; yields its address, and stops it as Ctrl-C does."""
    log = home / "service.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "atelier", "up", "--port", "0"],
            cwd=home,
            env=environment_of(home, **settings),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as service,
    ):
        lines: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(target=_read, args=(service, lines), daemon=True)
        reader.start()
        try:
            yield _ready(lines, log)
        finally:
            service.send_signal(signal.SIGINT)
            try:
                service.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                service.kill()
            reader.join(timeout=10)


def _read(service: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    """Read to the end, so that the service never waits for a full pipe."""
    for line in service.stdout or ():
        lines.put(line)
    lines.put(None)


def _ready(lines: queue.Queue[str | None], log: Path) -> str:
    seen = []
    try:
        while (line := lines.get(timeout=PATIENCE)) is not None:
            seen.append(line)
            if line.startswith("ready: "):
                return line.removeprefix("ready: ").split()[0].rstrip("/")
    except queue.Empty:
        pass
    pytest.fail(f"the service did not become ready:\n{''.join(seen)}\n{log.read_text()[-4000:]}")
