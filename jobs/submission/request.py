"""Requests for jobs as they come in: one object from the form to the row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.media.pictures import StoredPicture, Upload
from jobs.params.handling import Handling


@dataclass(frozen=True, kw_only=True)
class SubmitRequest:
    """The part that a request for one job and one for a batch have in common."""

    kind: str
    #: Parameters of the kind, not yet validated.
    params: dict[str, Any]
    handling: Handling = field(default_factory=Handling)
    idempotency_key: str | None = None
    #: Id of the HTTP request, for logs.
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class JobRequest(SubmitRequest):
    """A request for one job."""

    #: Pictures by file field: `content`, `style`, and those that `styles` and `regions` name.
    files: Mapping[str, Upload | StoredPicture] = field(default_factory=dict)
    style_id: str | None = None
    #: The id of the job, if the client chose one.
    job_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class BatchRequest(SubmitRequest):
    """A request for a job of every content in every style."""

    contents: Sequence[Upload]
    styles: Sequence[Upload] = ()
    style_ids: Sequence[str] = ()
