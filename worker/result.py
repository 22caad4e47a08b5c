"""The result of a job: output files and metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.media.pictures import PictureInfo


@dataclass(frozen=True, kw_only=True)
class OutputFile:
    """One output file of a job. `data` is its bytes, or its path on this machine for large files."""

    role: str
    data: bytes | Path
    info: PictureInfo


@dataclass(kw_only=True)
class JobResult:
    """Output files and metrics (durations in seconds) of a job.

    `network_version` names the weights and release that rendered the outputs; None keeps the outputs
    out of the result cache. `publish` is the name under which the output of the role "network" becomes
    a network of the job's owner. `folder` is the run's folder on this machine. The folder is deleted
    only after all outputs are stored: if storing fails, the next attempt finds the work done.
    """

    outputs: list[OutputFile]
    network_version: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    publish: str | None = None
    folder: Path | None = None
