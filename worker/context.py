"""State of one worker process that is shared by its jobs: settings, connections, loaded networks."""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Sequence

from jobs.blobs.storage import BlobStorage
from jobs.blobs.stores import make_storage
from jobs.db.engine import SessionFactory, make_engine, make_sessions, now
from jobs.db.upserts import upsert_network_version
from jobs.queue.change_signals import ChangeSender
from jobs.queue.changes import after_change
from jobs.settings import Settings
from worker.batching.batch_sizes import BatchSizes
from worker.batching.device import Device
from worker.batching.render_task import RenderTask
from worker.batching.rendezvous import RenderBatch, Rendered, render_alone
from worker.batching.shape import Shape
from worker.drain import Drain
from worker.engines import Engines
from worker.style_statistics import StatisticsCache

log = logging.getLogger(__name__)


class WorkerContext:
    """Settings, database sessions, storage, loaded networks and cached style statistics.

    `trainer` replaces the command line of trainer processes, to which the path of a specification is
    added. `claims_ahead` says whether jobs are claimed while others render; None: on CUDA.
    """

    def __init__(
        self,
        settings: Settings,
        drain: Drain | None = None,
        *,
        trainer: Sequence[str] = (sys.executable, "-m", "nst_core.training.process"),
        claims_ahead: bool | None = None,
    ) -> None:
        self.trainer = trainer
        self.settings = settings
        self.drain = drain or Drain()
        self._engine = make_engine(settings.database)
        self.sessions: SessionFactory = make_sessions(self._engine)
        self._change_sender = ChangeSender(settings.broker)
        after_change(self.sessions, self._change_sender.send)
        self.storage: BlobStorage = make_storage(
            settings.storage, endpoint_url=settings.s3_endpoint_url
        )
        self.decoded_photos = settings.decoded_photos()
        self.engines = Engines(settings)
        self.statistics = StatisticsCache(self.sessions)
        self.device = Device()
        self._batch_sizes = BatchSizes(self.engines, self.device)
        self._claims_ahead = claims_ahead
        #: The batch of jobs that run in parallel threads; None for a job that runs alone.
        self.batch: RenderBatch | None = None

    def with_batch(self, batch: RenderBatch) -> WorkerContext:
        """A shallow copy for the jobs of one batch."""
        context = copy.copy(self)
        context.batch = batch
        return context

    def render(self, job_id: str, task: RenderTask) -> Rendered:
        """Render a job's task, alone or with the batch."""
        if self.batch is None:
            return render_alone(self.device, task)
        return self.batch.render(job_id, task)

    def batch_size(self, shape: Shape) -> int:
        """Jobs of a shape in one pass: `RENDER_BATCH` if it is set, 1 on a CPU, and else measured."""
        if self.settings.render_batch:
            return self.settings.render_batch
        return self._batch_sizes.of(shape) if self._on_cuda() else 1

    @property
    def claims_ahead(self) -> bool:
        """Whether the next jobs are claimed while others are on the device."""
        return self._on_cuda() if self._claims_ahead is None else self._claims_ahead

    def _on_cuda(self) -> bool:
        from nst_core.runtimes.choice import choose_device

        return choose_device(self.settings.device) != "cpu"

    def record_versions(self) -> None:
        """Store the versions of all bundled networks; the result cache ignores older outputs."""
        try:
            versions = self.engines.versions()
            with self.sessions.begin() as session:
                for network, version in versions.items():
                    upsert_network_version(session, network, version, now(session))
        except Exception:
            # Not fatal: jobs are then rendered that the result cache could have answered.
            log.exception("the networks' versions were not recorded")

    def record_version(self, network: str) -> None:
        """Store the version of one trained network."""
        with self.sessions.begin() as session:
            upsert_network_version(session, network, self.engines.version(network), now(session))

    def warm_up(self) -> None:
        """Load the default network and run it once, so that the first job does not wait for that."""
        try:
            self._render_once()
        except Exception:
            # The worker goes on: each job then fails with the same error, which its client can read.
            log.exception("warming up failed")

    def _render_once(self) -> None:
        import numpy as np

        from nst_core.images.picture import Picture

        engine = self.engines.get("slim")
        grey = Picture(np.full((64, 64, 3), 128, dtype=np.uint8), None, "PNG")
        engine.stylize(grey, engine.style_statistics(grey), alpha=1.0)

    def close(self) -> None:
        """Close the connections to database and broker."""
        self._change_sender.close()
        self._engine.dispose()
