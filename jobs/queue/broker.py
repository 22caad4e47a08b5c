"""Celery messages (tokens) that wake workers. A token carries only the id of a job.

The queue itself is the table `jobs`, so a token that is lost, late or delivered twice is harmless.
"""

from __future__ import annotations

import logging

from celery import Celery
from kombu.entity import Queue
from kombu.exceptions import OperationalError

from jobs.queue.broker_calls import BrokerCalls

QUEUE_NAMES = ("stylize", "train")
RUN_TASK = "atelier.run"

log = logging.getLogger(__name__)

#: Retry policy of publishing: one quick retry. A request must not wait; the outbox keeps the token.
_PUBLISH = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}


def make_celery(broker: str) -> Celery:
    """The Celery application. docs/decisions.md gives the reason of each setting."""
    app = Celery("atelier", broker=broker)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_queues=[Queue(name, routing_key=name) for name in QUEUE_NAMES],  # type: ignore[no-untyped-call]
        task_default_queue="stylize",
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        worker_concurrency=1,
        worker_prefetch_multiplier=1,
        # A child loads torch and warms a network before it reports that it is up. After the default of
        # 4 s Celery would kill it and start the next one, on a busy machine again and again.
        worker_proc_alive_timeout=300.0,
        worker_disable_prefetch=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_soft_shutdown_timeout=60.0,
        worker_enable_remote_control=True,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # Workers wait for a Redis that refuses commands (READONLY, MISCONF, OOM) as for one that is
        # down; the default ends them.
        broker_channel_error_retry=True,
        broker_connection_timeout=2,
        broker_transport_options=_transport_options(broker),
        redis_socket_connect_timeout=2,
        redis_socket_timeout=5,
    )
    return app


def _transport_options(broker: str) -> dict[str, object]:
    if broker.startswith("amqp"):
        # Publisher confirms: a token counts as sent once RabbitMQ has accepted it.
        return {"confirm_publish": True}
    return {
        "visibility_timeout": 3600,
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
        "socket_keepalive": True,
    }


class Broker:
    """Publishes the tokens that wake workers."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        #: For calls within a request.
        self.calls = BrokerCalls()

    def wake(self, queue: str, job_id: str) -> bool:
        """Publish a token to the workers of `queue`. Returns False if the broker can't be reached."""
        try:
            # No expiry: a worker compares it with its own clock, and would discard every token if that
            # clock is ahead.
            self._app.send_task(RUN_TASK, args=[job_id], queue=queue, retry=True, retry_policy=_PUBLISH)
        except (OperationalError, OSError) as error:
            log.warning("the broker can't be reached; maintenance sends the token later: %s", error)
            return False
        except Exception as error:  # broken brokers raise many types; the outbox keeps the token
            log.warning("publishing failed; maintenance sends the token later: %r", error)
            return False
        return True

    def depth(self, queue: str) -> int | None:
        """The number of tokens in `queue`; None if the broker does not answer."""
        try:
            with self._app.connection_for_read() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
                with connection.channel() as channel:
                    declared = channel.queue_declare(queue=queue, passive=True)
                    return int(declared.message_count)
        except Exception as error:  # as in `wake`; a queue that was never used raises too
            log.debug("the depth of %s is not known: %r", queue, error)
            return None

    def ping(self) -> bool:
        """Whether the broker answers."""
        try:
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
        except Exception:
            return False
        return True
