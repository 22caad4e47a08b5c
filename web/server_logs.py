"""Logging of gunicorn in the format of all other processes: `gunicorn --logger-class`."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger

from jobs.logs import configure
from jobs.settings import load_settings


class ServerLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger without handlers of its own; its records go to the root logger."""

    def setup(self, cfg: Any) -> None:
        """Configure logging for the server and its workers, which are forked from it."""
        super().setup(cfg)
        settings = load_settings()
        configure(settings.log_level, settings.log_format)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True
        # The application logs requests, with their ids.
        self.access_log.disabled = True
