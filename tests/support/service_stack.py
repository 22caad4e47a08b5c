"""The service as separate real processes, each of which a test may kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from support.patience import PATIENCE
from support.ports import free_port

from atelier import Client
from jobs.local.processes import MAINTENANCE, STYLIZE, TRAIN, WEB
from jobs.local.redis_server import redis_command, wait_for_redis
from jobs.local.supervisor import resolve

ROOT = Path(__file__).resolve().parents[2]
#: The processes that most tests need.
PROCESSES = ("redis", "web", "worker", "maintenance")
#: Everything that would lead the processes away from the test's own folder.
OUTSIDE = ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "STORAGE_URL", "S3_ENDPOINT_URL", "PORT", "HOST")


class Stack:
    """Web, worker, maintenance and Redis on one home folder."""

    def __init__(self, home: Path, database_url: str = "") -> None:
        """Without a URL, the database is a file of SQLite in `home`."""
        self.home = home
        self.port, self.redis_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._started_in: dict[str, dict[str, str]] = {}
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in OUTSIDE},
            "ATELIER_HOME": str(home),
            "DATABASE_URL": database_url,
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            # A busy machine delays heartbeats; no lease may expire while its worker lives.
            "LEASE_SECONDS": "10",
            "HEARTBEAT_SECONDS": "0.5",
            "REAP_SECONDS": "0.5",
            "DISPATCH_SECONDS": "0.5",
            "RENOTIFY_SECONDS": "2",
            # The quicker a machine is, the more calls its tests make in a minute.
            "RATE_LIMIT": "",
            "SUBMIT_RATE_LIMIT": "",
            "RUNTIME": "torch",
            "TORCH_THREADS": "1",
        }
        self.commands = {
            "web": WEB.format(host="127.0.0.1", port=self.port, threads=8).split(),
            "worker": STYLIZE.replace("%h", f"test-{self.port}").split(),
            "maintenance": MAINTENANCE.split(),
            "trainer": TRAIN.replace("%h", f"trainer-{self.port}").split(),
            "worker-2": STYLIZE.replace("%h", f"second-{self.port}").split(),
            "redis": redis_command(home / "redis", self.redis_port),
        }

    def atelier(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line in the environment of the service."""
        return subprocess.run(
            [sys.executable, "-m", "atelier", *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def migrate(self) -> None:
        """Create the schema and the gallery."""
        done = self.atelier("migrate")
        assert done.returncode == 0, done.stderr

    def copy(self, migrated: Path) -> None:
        """Take over the home of a service that has a schema and a gallery; `migrate` takes seconds."""
        shutil.copytree(migrated, self.home, dirs_exist_ok=True)

    def run_only(self, *names: str) -> None:
        """Start what is missing, stop what is too many, restart what runs in another environment."""
        for name, process in list(self.running.items()):
            ended = process.poll() is not None
            if ended or name not in names or self._started_in[name] != self.environment:
                self.kill(name)
        self.start(*(name for name in names if name not in self.running))

    def start(self, *names: str) -> None:
        for name in names:
            self._started_in[name] = dict(self.environment)
            with (self.home / f"{name}.log").open("ab") as log:
                self.running[name] = subprocess.Popen(
                    resolve(self.commands[name]),
                    env=self.environment,
                    cwd=ROOT,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        if "redis" in names:
            wait_for_redis(self.redis_port, self.running["redis"])
        if "web" in names:
            self.wait_until(self._serves)

    def kill(self, name: str) -> None:
        """Kill -9 of a process and its children, as the kernel would when memory runs out."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)

    def terminate(self, name: str, *, group: bool = False, seconds: float = PATIENCE) -> int:
        """SIGTERM, to the process or to all that it started; returns the exit status."""
        process = self.running.pop(name)
        if group:
            os.killpg(process.pid, signal.SIGTERM)
        else:
            process.terminate()
        return process.wait(seconds)

    def stop(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """An HTTP request that the client has no method for."""
        address = f"{self.url}{path}"
        response = httpx.request(method, address, timeout=PATIENCE, trust_env=False, **arguments)
        return response.raise_for_status()

    def wait_until(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "".join(
                    f"\n== {path.name}\n" + path.read_text()[-3000:]
                    for path in sorted(self.home.glob("*.log"))
                )
                raise AssertionError(f"not within {seconds} s{logs}")
            time.sleep(0.05)

    def _serves(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


def finished(api: Client, job_id: str, seconds: float = PATIENCE) -> dict[str, Any]:
    """The job, once it has ended."""
    *_, job = api.follow(job_id, timeout=seconds)
    return job


def states(stack: Stack, job_id: str) -> list[str]:
    """The statuses in the history of a job that has ended."""
    text = stack.ask("GET", f"/v1/jobs/{job_id}/events").text
    return [
        line.split('"status": "')[1].split('"')[0] for line in text.splitlines() if '"status"' in line
    ]
