"""Query parameters of the API as models: one source for their check and for the OpenAPI document."""

from __future__ import annotations

from typing import Literal, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field

from atelier.types import Kind, Status
from jobs.params.validate import validated

Model = TypeVar("Model", bound=BaseModel)

#: Longest time in seconds that a request may wait for a job.
MAX_WAIT = 30


def read_query(model: type[Model]) -> Model:
    """The query parameters of the current request. Raises `InvalidParamsError`."""
    return validated(model, request.args.to_dict())


class _Page(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: Status | None = None
    kind: Kind | None = None
    dead: bool | None = Field(
        None, description="Jobs that failed after their last attempt and were not retried since."
    )
    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(None, description="`next` of the page before.")


class JobQuery(_Page):
    """Filters of a list of jobs."""

    batch_id: str | None = Field(None, description="Jobs of this batch.")
    id_prefix: str | None = Field(
        None, pattern=r"^[0-9a-f-]{1,36}$", description="Jobs whose id begins with these characters."
    )


class AdminJobQuery(_Page):
    """Filters of a list of all owners' jobs."""

    owner: str | None = Field(None, description="Jobs of this owner.")


class WaitQuery(BaseModel):
    """How long to wait for a change of a job."""

    wait: int | None = Field(
        None, ge=0, le=MAX_WAIT, description="Answer when the job changes, or after so many seconds."
    )


class IndexQuery(BaseModel):
    """Which output of a job."""

    index: int = Field(0, ge=0, le=1000)


class OutputQuery(IndexQuery):
    """Which output of a job, and whether to save it."""

    download: str | None = Field(None, description="Any value: the browser saves it as a file.")


class LossQuery(BaseModel):
    """Which losses of a training."""

    after: int = Field(-1, ge=-1, le=10**9, description="Only steps after this one.")


class StyleImageQuery(BaseModel):
    """Size of a style's thumbnail; the stored picture without it."""

    size: Literal["96", "192", "384"] | None = Field(
        None, description="Longest side of a thumbnail in pixels."
    )


class LinkRequest(BaseModel):
    """Body of a request for a signed link."""

    model_config = ConfigDict(extra="forbid")

    expires_in: int = Field(3600, ge=1, le=10**9, description="Seconds until it expires.")
    index: int = Field(0, ge=0, le=1000)
