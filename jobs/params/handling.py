"""Fields of a submit that say how its jobs are handled, whatever their parameters."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from atelier.types import WebhookEvent

#: Seconds to keep something that was submitted: from one minute to about thirty years.
ExpiresIn = Annotated[
    int,
    Field(
        ge=60,
        le=10**9,
        description="Seconds to keep this, counted from now, and at most as long as the service keeps "
        "things; the answer's `expires_at` tells.",
    ),
]


class Handling(BaseModel):
    """How the jobs of one submit are handled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    priority: int = Field(
        default=0,
        ge=-100,
        le=100,
        description="Higher goes first; at the same priority, owners take turns.",
    )
    cancel_after: int | None = Field(
        default=None,
        ge=1,
        le=7 * 24 * 3600,
        description="Seconds from now; a job that has not ended by then is canceled.",
    )
    use_cache: bool = Field(
        default=True,
        description="Reuse the output of your own earlier job with exactly the same request.",
    )
    webhook_url: str | None = Field(
        default=None,
        description="URL that gets signed POSTs about the job (Standard Webhooks); https, public.",
        json_schema_extra={"format": "uri"},
    )
    webhook_events: str | None = Field(
        default=None,
        description=f"Events to send: {', '.join(get_args(WebhookEvent))}, with commas between, or "
        "`completed` for the last three (default).",
    )
    expires_in: ExpiresIn | None = None

    @field_validator("priority", "cancel_after", "expires_in", mode="before")
    @classmethod
    def _no_boolean(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("Input should be a valid integer")
        return value
