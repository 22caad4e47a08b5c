"""gunicorn configuration: `gunicorn --config python:web.server web.wsgi:app`.

Its hooks know the addresses that the server listens on, which the application can't know.
"""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from jobs.settings import load_settings


def when_ready(server: Any) -> None:
    """Refuse to start without API keys on an address that other machines can reach."""
    from jobs.accounts.api_keys import ApiKeyStore
    from jobs.accounts.exposure import ExposedError, refuse_exposure
    from jobs.db.engine import make_engine, make_sessions

    settings = load_settings()
    hosts = [_host(listener) for listener in server.LISTENERS]
    engine = make_engine(settings.database)
    try:
        refuse_exposure(
            settings.api_keys, hosts, any_keys=ApiKeyStore(make_sessions(engine)).has_active_keys
        )
    except ExposedError as error:
        server.log.error("%s", error)
        sys.exit(1)
    except SQLAlchemyError as error:
        kind = type(error).__name__
        server.log.error("The database can't be asked for keys (%s): run `atelier migrate`.", kind)
        sys.exit(1)
    finally:
        engine.dispose()  # workers are forked and must not share a connection


def post_worker_init(worker: Any) -> None:
    """Pass the listening addresses to the application, and start the decoder for its first request.

    Uploads are large blocks, which the process would map anew for each request.
    """
    from jobs.media.freed_memory import keep_freed_memory
    from jobs.media.sandbox import warm_up
    from web.security.access import bound
    from web.security.concurrency import ConcurrencyLimits

    settings = load_settings()
    bound(worker.wsgi, settings, [_host(listener) for listener in worker.sockets])
    worker.wsgi.extensions["concurrency"] = ConcurrencyLimits(worker.cfg.threads)
    keep_freed_memory(arenas=2)
    warm_up(settings.decode_limits)


def _host(listener: Any) -> str:
    address = listener.getsockname()
    return str(address[0] if isinstance(address, tuple) else address)
