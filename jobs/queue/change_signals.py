"""Signals of changed jobs, from workers to web servers, by Redis Pub/Sub.

A signal only shortens a wait. A waiting request also looks at the database by itself, so that signals
may be lost, and other brokers than Redis need none.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

#: Longest time in seconds for connecting, and for sending a signal. Each is tried twice, because a
#: connection may have been closed since it was used.
SEND_SECONDS = 0.2
#: Seconds without signals after an error of Redis.
REST_SECONDS = 5.0
#: Seconds after which the receiving thread looks whether it shall stop.
RECEIVE_SECONDS = 1.0
_CHANNEL = "atelier:changed-jobs"

log = logging.getLogger(__name__)

#: Called with the ids of changed jobs; with None when signals may have been missed.
Listener = Callable[[Collection[str] | None], object]


class ChangeSender:
    """Sends the ids of changed jobs. Does nothing if the broker is not Redis, or is away."""

    def __init__(self, broker_url: str) -> None:
        self._client = _client(broker_url, socket_timeout=SEND_SECONDS)
        self._rests_until = 0.0

    def send(self, job_ids: Collection[str]) -> None:
        """Send a signal. Never raises; after an error, sends nothing for `REST_SECONDS`."""
        if self._client is None or time.monotonic() < self._rests_until:
            return
        try:
            self._client.publish(_CHANNEL, " ".join(job_ids))
        except (redis.RedisError, OSError) as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            log.info("changes of jobs are not signaled for %g s: %s", REST_SECONDS, error)

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()


class ChangeReceiver:
    """Receives signals in a thread of its own, between `start` and `stop`."""

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._stopping = threading.Event()
        #: Whether later changes are signaled.
        self.connected = False

    def start(self, listener: Listener) -> None:
        """Begin to call `listener`."""
        # A subscriber only listens, so that no answer for a while is usual.
        client = _client(self._broker_url, socket_timeout=None, health_check_interval=10)
        if client is not None:
            self._stopping = stopping = threading.Event()
            threading.Thread(
                target=self._run, args=(client, listener, stopping), name="change-receiver", daemon=True
            ).start()

    def stop(self) -> None:
        """Let the thread end, within about `RECEIVE_SECONDS`."""
        self._stopping.set()
        self.connected = False

    def _run(self, client: redis.Redis[Any], listener: Listener, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                with client.pubsub() as subscription:
                    subscription.subscribe(_CHANNEL)
                    while not stopping.is_set():
                        message = subscription.get_message(timeout=RECEIVE_SECONDS)
                        if message is not None and not stopping.is_set():
                            self._receive(message, listener)
            except (redis.RedisError, OSError) as error:
                log.info("signals of changed jobs are not received: %s", error)
                if not stopping.is_set():
                    self.connected = False
                    listener(None)
                stopping.wait(REST_SECONDS)
        client.close()

    def _receive(self, message: dict[str, Any], listener: Listener) -> None:
        if message["type"] == "subscribe":  # at first, and after a lost connection
            self.connected = True
            listener(None)
        elif message["type"] == "message":
            listener(message["data"].decode(errors="replace").split())


def _client(broker_url: str, **options: Any) -> redis.Redis[Any] | None:
    """A client of the broker; None if the broker is not one Redis server."""
    if not broker_url.startswith(("redis://", "rediss://")):
        return None
    # Celery also takes the names of Python's `ssl` module.
    url = re.sub(r"(?<=ssl_cert_reqs=)CERT_(\w+)", lambda name: name[1].lower(), broker_url)
    try:
        return redis.Redis.from_url(
            url, socket_connect_timeout=SEND_SECONDS, retry=Retry(NoBackoff(), 1), **options
        )
    except (ValueError, TypeError) as error:
        log.info("changes of jobs are not signaled: %s", error)
        return None
