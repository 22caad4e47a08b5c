"""What a training tells whoever listens. Each event knows its JSON: `{"event": name, …}`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened at the end of step number `step`."""

    name: ClassVar[str]
    step: int

    def as_json(self) -> dict[str, Any]:
        """JSON values alone; paths as text."""
        values = {
            key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()
        }
        return {"event": self.name, **values}


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """`losses` are smoothed and weighted, under "content", "style", "tv" and their "total"."""

    name: ClassVar[str] = "progress"
    total: int
    losses: Mapping[str, float]
    images_per_second: float
    eta_s: float


@dataclass(frozen=True, kw_only=True)
class Sample(Event):
    """A picture of what the network does now."""

    name: ClassVar[str] = "sample"
    path: Path


@dataclass(frozen=True, kw_only=True)
class Saved(Event):
    """A checkpoint is on disk. `best`: no other has had a lower loss."""

    name: ClassVar[str] = "checkpoint"
    path: Path
    best: bool


@dataclass(frozen=True, kw_only=True)
class Notice(Event):
    """Something a person should know: what the doctor saw and did, in a sentence."""

    name: ClassVar[str] = "notice"
    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """The network is at `path`. `reason` is "steps", "converged" or "asked"."""

    name: ClassVar[str] = "finished"
    path: Path
    reason: str
    figures: Mapping[str, float | int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stopped(Event):
    """Stopped with a checkpoint, from which it can go on."""

    name: ClassVar[str] = "stopped"
    path: Path


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """It can't go on; again from the same settings, it would fail again."""

    name: ClassVar[str] = "error"
    code: str
    message: str


OnEvent = Callable[[Event], None]
