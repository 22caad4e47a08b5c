"""The Celery application of the workers: `celery -A worker.celery worker -Q stylize`."""

from __future__ import annotations

import uuid
from typing import Any

from celery.signals import (
    celeryd_init,
    setup_logging,
    worker_process_init,
    worker_process_shutdown,
    worker_shutting_down,
)

from jobs.logs import configure
from jobs.queue.broker import RUN_TASK, make_celery
from jobs.settings import load_settings
from worker.drain import Drain
from worker.presence import Presence, process_name

settings = load_settings()
app = make_celery(settings.broker)

_context: Any = None
_presence: Presence | None = None
_drain = Drain()
_queues: list[str] = []


@celeryd_init.connect  # type: ignore[untyped-decorator]
def _limit_time(conf: Any, options: dict[str, Any], **_: object) -> None:
    """Set Celery's hard time limit, the last resort against native code that never returns.

    The run's own deadline comes 60 s earlier and stops the run between two steps.
    """
    chosen = options.get("queues") or []
    _queues[:] = chosen.split(",") if isinstance(chosen, str) else chosen
    longest = settings.train_seconds if "train" in _queues else settings.job_seconds
    conf.task_time_limit = longest + 60


@setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: object) -> None:
    configure(settings.log_level, settings.log_format)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _start_child(**_: object) -> None:
    """Load torch and warm up the default network, in the pool child only."""
    from worker.context import WorkerContext

    global _context, _presence
    _context = WorkerContext(settings, _drain)
    _presence = Presence(_context.sessions, _queues, settings.heartbeat_seconds)
    _presence.start()
    _context.record_versions()
    if "stylize" in _queues:
        _context.warm_up()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _begin_to_drain(**_: object) -> None:
    _drain.begin()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def _stop_child(**_: object) -> None:
    if _presence is not None:
        _presence.stop()
    if _context is not None:
        _context.close()


@app.task(name=RUN_TASK, bind=True)  # type: ignore[untyped-decorator]
def run(self: Any, job_id: str) -> None:
    """Run the next eligible job of the token's queue, if there is one.

    The job that the token was sent for may be claimed by another worker or finished by then; the token
    only says that the queue has work.
    """
    from worker.execution import run_next

    queue = self.request.delivery_info.get("routing_key") or "stylize"
    lease_owner = f"{process_name()}:{uuid.uuid4().hex[:12]}"
    with _drain.at_sigterm():
        run_next(_context, queue, lease_owner)
