"""Parameters of `export` jobs."""

from __future__ import annotations

from pydantic import Field

from jobs.params.fields import NetworkChoice
from params.export import ExportSettings


class ExportParams(ExportSettings):
    """Parameters of an `export` job: the settings of the command line, and the network."""

    network: str = Field(
        pattern=NetworkChoice,
        description="A bundled network, or one of /v1/networks: `NAME` or `NAME@VERSION`.",
        examples=["slim"],
    )
