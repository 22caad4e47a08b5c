"""What a job made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.media.pictures import PictureInfo


@dataclass(frozen=True, kw_only=True)
class Output:
    """A file that a job made: its bytes, or where they are on this machine, if they may be many."""

    role: str
    data: bytes | Path
    info: PictureInfo


@dataclass(kw_only=True)
class Made:
    """All that a job made, and its figures (durations in seconds).

    `network_version` names what rendered it; without one, the output is not used for other jobs.
    `publish` is the name under which the output of the role "network" becomes a network of its owner's.
    `folder` is what the run leaves on this machine. It is deleted once all is kept: if that fails, the
    next attempt finds its work done.
    """

    outputs: list[Output]
    network_version: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    publish: str | None = None
    folder: Path | None = None
