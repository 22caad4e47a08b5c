"""Events of a training, which a trainer process writes to standard output as one JSON object a line.

This module is the one definition of the vocabulary between a trainer process and the worker or
program that runs it: the events, their JSON, and the exit codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, ClassVar, Literal

#: What the caller of a training may ask for between two steps: stop with a checkpoint to resume from,
#: or finish now with the network as it is.
StopRequest = Literal["stop", "finish"]
#: How a training ended.
Outcome = Literal["finished", "converged", "stopped", "failed"]


class ExitCode(IntEnum):
    """Exit codes of a trainer process. Any other code is a crash."""

    FINISHED = 0
    #: The settings or files were refused, or the training failed; an `error` event says why.
    REFUSED = 2
    #: Stopped on request with a checkpoint (EX_TEMPFAIL of sysexits.h).
    STOPPED = 75


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base class of the events; `step` counts finished optimiser steps."""

    name: ClassVar[str]
    step: int

    def as_json(self) -> dict[str, Any]:
        """JSON values: `{"event": name, …}`, with paths as text."""
        values = {
            key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()
        }
        return {"event": self.name, **values}


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """Throughput and losses; `losses` are smoothed and weighted: "content", "style", "tv", "total"."""

    name: ClassVar[str] = "progress"
    total: int
    losses: Mapping[str, float]
    images_per_second: float
    eta_s: float


@dataclass(frozen=True, kw_only=True)
class Sample(Event):
    """A sample picture of the current network was written to `path`."""

    name: ClassVar[str] = "sample"
    path: Path


@dataclass(frozen=True, kw_only=True)
class Saved(Event):
    """A checkpoint was written to `path`. `best`: it has the lowest loss so far."""

    name: ClassVar[str] = "checkpoint"
    path: Path
    best: bool


@dataclass(frozen=True, kw_only=True)
class Notice(Event):
    """A message for people, such as a warning or an automatic correction."""

    name: ClassVar[str] = "notice"
    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """The network was written to `path`. `reason` is "steps", "converged" or "asked"."""

    name: ClassVar[str] = "finished"
    path: Path
    reason: str
    figures: Mapping[str, float | int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stopped(Event):
    """The training stopped with the checkpoint `path`, from which it can be resumed."""

    name: ClassVar[str] = "stopped"
    path: Path


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """The training failed; with the same settings it would fail again."""

    name: ClassVar[str] = "error"
    code: str
    message: str


OnEvent = Callable[[Event], None]
#: Polled after every step; None means to continue.
ShouldStop = Callable[[], StopRequest | None]

_EVENTS: dict[str, type[Event]] = {
    kind.name: kind for kind in (Progress, Sample, Saved, Notice, Finished, Stopped, Failed)
}


def parse_event(document: Mapping[str, Any]) -> Event:
    """Inverse of `Event.as_json`. Raises `ValueError` for an unknown event or wrong fields."""
    values = dict(document)
    try:
        kind = _EVENTS[values.pop("event")]
        if "path" in values:
            values["path"] = Path(values["path"])
        return kind(**values)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an event of a training: {error}") from error
