"""Render of one job, as the job's thread hands it to a batch or to the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nst_core.stylize.engine import Engine
    from nst_core.stylize.request import RenderReport, RenderRequest


@dataclass(frozen=True, kw_only=True)
class RenderTask:
    """What one job renders, and with which network.

    `report` is filled in. `check` is called between steps, and may raise to stop. `since` is when the
    job was begun, in seconds on the clock of the worker's `Device`.
    """

    engine: Engine
    request: RenderRequest
    report: RenderReport
    check: Callable[[], None]
    since: float
