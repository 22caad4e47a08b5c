"""What one worker process holds on to between jobs."""

from __future__ import annotations

import copy
import logging

from jobs.blobs.storage import BlobStorage
from jobs.blobs.stores import make_storage
from jobs.db.engine import SessionFactory, make_engine, make_sessions, now
from jobs.db.upserts import upsert_network_version
from jobs.settings import Settings
from worker.batching.rendezvous import Company
from worker.drain import Drain
from worker.engines import Engines
from worker.style_statistics import StatisticsCache

log = logging.getLogger(__name__)


class WorkerContext:
    """Settings, database, storage, warm networks and known styles."""

    def __init__(self, settings: Settings, drain: Drain | None = None) -> None:
        self.settings = settings
        self.drain = drain or Drain()
        self._engine = make_engine(settings.database)
        self.sessions: SessionFactory = make_sessions(self._engine)
        self.storage: BlobStorage = make_storage(
            settings.storage, endpoint_url=settings.s3_endpoint_url
        )
        self.engines = Engines(settings)
        self.statistics = StatisticsCache(self.sessions)
        #: Those that run side by side with the job in hand, if there are any.
        self.company: Company | None = None

    def accompanied(self, company: Company) -> WorkerContext:
        """The same, for jobs that are run in company."""
        context = copy.copy(self)
        context.company = company
        return context

    def record_versions(self) -> None:
        """Say in SQL what renders from now on, so that outputs of other weights are not used again."""
        try:
            versions = self.engines.versions()
            with self.sessions.begin() as session:
                for network, version in versions.items():
                    upsert_network_version(session, network, version, now(session))
        except Exception:
            # Without it, jobs are rendered that an earlier output could have answered.
            log.exception("the networks' versions were not recorded")

    def record_version(self, network: str) -> None:
        """Say the same of one network that was fetched."""
        with self.sessions.begin() as session:
            upsert_network_version(session, network, self.engines.version(network), now(session))

    def warm_up(self) -> None:
        """Load the default network and run it once, so that the first job does not pay for that."""
        try:
            self._render_once()
        except Exception:
            # A worker that can't warm up still says, in each job, what is wrong.
            log.exception("warming up failed")

    def _render_once(self) -> None:
        import numpy as np

        from nst_core.images.picture import Picture
        from nst_core.stylize.engine import StyleEngine

        engine = self.engines.get("slim")
        assert isinstance(engine, StyleEngine)  # noqa: S101 - it takes any style
        grey = Picture(np.full((64, 64, 3), 128, dtype=np.uint8), None, "PNG")
        engine.stylize(grey, engine.style_statistics(grey), alpha=1.0)

    def close(self) -> None:
        """Give the database's connections back."""
        self._engine.dispose()
