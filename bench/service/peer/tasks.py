"""The peer's Celery task, with the same network, kept loaded between tasks."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from celery import Celery

from jobs.settings import load_settings

if TYPE_CHECKING:
    from nst_core.stylize.style_engine import StyleEngine

settings = load_settings()
celery = Celery("peer", broker=settings.broker, backend=settings.broker)
# As much time to load the network as the service's own workers have, for a busy machine. The workers
# are started with the same command line.
celery.conf.task_default_queue = "stylize"
celery.conf.worker_proc_alive_timeout = 300.0


@cache
def _engine() -> StyleEngine:
    import torch

    from nst_core.stylize.style_engine import StyleEngine

    if settings.torch_threads:
        torch.set_num_threads(settings.torch_threads)
    return StyleEngine("slim", runtime=settings.runtime, device=settings.device)


@celery.task(name="peer.stylize")  # type: ignore[untyped-decorator]
def stylize(content: str, style: str, size: int) -> dict[str, object]:
    """Render a file; returns the output's path and the network's time."""
    import time

    from nst_core.images.picture import encode_picture, read_picture

    engine = _engine()
    picture = read_picture(Path(content), target_long_side=size)
    started = time.perf_counter()
    statistics = engine.style_statistics(read_picture(Path(style)))
    result = engine.stylize(picture, statistics, alpha=0.8, size=size)
    took = time.perf_counter() - started
    output = Path(content).with_suffix(".out.jpg")
    output.write_bytes(encode_picture(result, "jpeg"))
    return {"path": str(output), "network_s": took}
