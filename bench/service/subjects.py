"""The measured services: this one and the peer, with the same server and worker flags."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from bench.service.clients import Caller, Photos, form
from bench.service.fleet import Fleet
from jobs.local.processes import procfile
from jobs.local.redis_server import free_port, redis_command
from jobs.settings import Settings, child_environment

#: Polling interval of a client in seconds.
POLL_SECONDS = 0.005
Timed = tuple[float, float]


class Subject(Protocol):
    """Interface of a measured service. `submit` returns an id; `finish` waits for the jobs."""

    name: str
    port: int
    fleet: Fleet

    def submit(self, caller: Caller, size: int) -> str:
        """Submit a new photo."""
        ...

    def status(self, caller: Caller, job_id: str) -> str:
        """Poll a job once: `done` if it succeeded. Raises `RuntimeError` if it failed."""
        ...

    def make(self, caller: Caller, size: int) -> str:
        """Submit and wait for the result, in the fastest way that the service offers."""
        ...

    def network_seconds(self, caller: Caller, job_id: str) -> float:
        """The network's time of a finished job in seconds."""
        ...

    def start_workers(self, number: int) -> None:
        """Start `number` workers, and wait until each has run a job."""
        ...

    def stop_workers(self) -> None:
        """Stop all workers."""
        ...


class _Running:
    """Base class: Redis, a web server and workers."""

    name = ""
    _ping = "/"

    def __init__(
        self,
        home: Path,
        photos: Photos,
        style: bytes,
        *,
        checkout: Path | None = None,
        **environment: str,
    ) -> None:
        home.mkdir(parents=True)
        self._commands = _commands(checkout) if checkout else procfile()
        self.port, redis_port = free_port(), free_port()
        self._photos, self._style = photos, style
        self._workers: list[str] = []
        self.fleet = Fleet(
            home,
            child_environment(
                ATELIER_HOME=str(home),
                REDIS_URL=f"redis://127.0.0.1:{redis_port}/0",
                STORAGE_URL="",
                TORCH_THREADS="1",
                LOG_LEVEL="WARNING",
                **environment,
            ),
            checkout,
        )
        self.fleet.start("redis", redis_command(home / "redis", redis_port))

    @contextmanager
    def _stopped_on_error(self) -> Iterator[None]:
        """Stop what runs already if the service can't be started."""
        try:
            yield
        except BaseException:
            self.fleet.stop()
            raise

    def _serve(self, app: str) -> None:
        web = self._commands["web"].replace("0.0.0.0:${PORT:-8000}", f"127.0.0.1:{self.port}")
        web = web.replace("${WEB_THREADS:-16}", "16").replace("web.wsgi:app", app)
        self.fleet.start("web", web.split())
        self.fleet.wait_for(f"http://127.0.0.1:{self.port}{self._ping}")

    def _start_workers(self, app: str, number: int) -> None:
        for index in range(number):
            name = f"worker-{index + 1}"
            command = self._commands["worker-stylize"].replace("worker.celery", app)
            command = command.replace("%h", f"{name}-{self.port}")
            self.fleet.start(name, command.split())
            self._workers.append(name)

    def stop_workers(self) -> None:
        """Stop all workers."""
        self.fleet.stop(*self._workers)
        self._workers = []


class Atelier(_Running):
    """This service, or an earlier version of it in another checkout."""

    _ping = "/readyz"

    def __init__(
        self,
        home: Path,
        photos: Photos,
        style: bytes,
        settings: Settings,
        database_url: str,
        checkout: Path | None = None,
    ) -> None:
        """Start Redis, web server and maintenance.

        `checkout`: folder of another version with a `.venv`; its Procfile names the commands.
        """
        self.name = "before" if checkout else "atelier"
        super().__init__(
            home,
            photos,
            style,
            checkout=checkout,
            DATABASE_URL=database_url,
            RUNTIME=settings.runtime,
        )
        with self._stopped_on_error():
            self.fleet.run(self._commands["release"].split())
            self._serve("web.wsgi:app")
            self.fleet.start("maintenance", self._commands["maintenance"].split())

    def submit(self, caller: Caller, size: int) -> str:
        """See `Subject`."""
        body, headers = form(self._photos.next(), self._style, size=size)
        job_id: str = caller.call("POST", "/v1/jobs", body, headers)["id"]
        return job_id

    def status(self, caller: Caller, job_id: str) -> str:
        """See `Subject`."""
        job = caller.call("GET", f"/v1/jobs/{job_id}")
        if job["status"] in {"failed", "canceled"}:
            raise RuntimeError(f"a job {job['status']}: {job['error']}")
        return "done" if job["status"] == "succeeded" else job["status"]

    def make(self, caller: Caller, size: int) -> str:
        """See `Subject`: one call that responds at the end."""
        body, headers = form(self._photos.next(), self._style, size=size)
        job = caller.call("POST", "/v1/jobs", body, headers | {"Prefer": "wait=30"})
        if job["status"] != "succeeded":
            raise RuntimeError(f"a job was {job['status']} after 30 s: {job['error']}")
        job_id: str = job["id"]
        return job_id

    def network_seconds(self, caller: Caller, job_id: str) -> float:
        """See `Subject`."""
        metrics = caller.call("GET", f"/v1/jobs/{job_id}")["metrics"]
        return float(metrics["render_s"] + metrics["style_s"])

    def start_workers(self, number: int) -> None:
        """See `Subject`."""
        self._start_workers("worker.celery", number)
        wait_until_warm(self, number)


class Peer(_Running):
    """The plain Flask and Celery pattern."""

    name = "flask + celery"
    _ping = "/status/none"

    def __init__(self, home: Path, photos: Photos, style: bytes, settings: Settings) -> None:
        super().__init__(home, photos, style, RUNTIME=settings.runtime)
        with self._stopped_on_error():
            self._serve("bench.service.peer.app:app")

    def submit(self, caller: Caller, size: int) -> str:
        """See `Subject`."""
        body, headers = form(self._photos.next(), self._style, size=size)
        task_id: str = caller.call("POST", "/stylize", body, headers)["id"]
        return task_id

    def status(self, caller: Caller, job_id: str) -> str:
        """See `Subject`."""
        found = caller.call("GET", f"/status/{job_id}")
        if found["status"] == "FAILURE":
            raise RuntimeError("a task of the peer failed")
        return "done" if found["status"] == "SUCCESS" else found["status"]

    def make(self, caller: Caller, size: int) -> str:
        """See `Subject`: by polling."""
        task_id = self.submit(caller, size)
        finish(self, caller, [task_id])
        return task_id

    def network_seconds(self, caller: Caller, job_id: str) -> float:
        """See `Subject`."""
        return float(caller.call("GET", f"/status/{job_id}")["network_s"])

    def start_workers(self, number: int) -> None:
        """See `Subject`."""
        self._start_workers("bench.service.peer.tasks:celery", number)
        wait_until_warm(self, number)


def _commands(checkout: Path) -> dict[str, str]:
    """Process type → command line, from the Procfile of a checkout."""
    lines = (checkout / "Procfile").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def wait_until_warm(subject: Subject, workers: int) -> None:
    """Run jobs until every worker has run some, so that no start-up is measured."""
    caller = Caller(subject.port)
    for _ in range(3):
        finish(subject, caller, [subject.submit(caller, 64) for _ in range(4 * workers)])
    caller.close()


def finish(subject: Subject, caller: Caller, ids: Sequence[str], seconds: float = 600) -> None:
    """Wait until all jobs have succeeded. Raises `RuntimeError` if one fails."""
    deadline = time.monotonic() + seconds
    for job_id in ids:
        while subject.status(caller, job_id) != "done":
            if time.monotonic() > deadline:
                raise RuntimeError(f"{subject.name}: a job was not done within {seconds:g} s.")
            time.sleep(POLL_SECONDS)
