"""Kinds of jobs: the parameters and the queue of each, and the validation of parameters."""

from __future__ import annotations

from typing import Any

from pydantic import (
    BaseModel,
)

from jobs.errors import InvalidParamsError
from jobs.params.export import ExportParams
from jobs.params.optimize import OptimizeParams
from jobs.params.stylize import StylizeParams
from jobs.params.train import TrainParams
from jobs.params.validate import validated
from jobs.params.video import VideoParams

#: Kind of job → its parameters.
PARAMS: dict[str, type[BaseModel]] = {
    "stylize": StylizeParams,
    "train": TrainParams,
    "optimize": OptimizeParams,
    "video": VideoParams,
    "export": ExportParams,
}
#: Kind of job → its queue. Jobs of minutes have their own queue, so that they don't delay short jobs.
QUEUES: dict[str, str] = {
    "stylize": "stylize",
    "train": "train",
    "optimize": "train",
    "video": "train",
    "export": "train",
}


def validate_params(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """Validate the parameters of a job and fill in defaults. Raises `InvalidParamsError`.

    Unknown fields are refused.
    """
    try:
        model = PARAMS[kind]
    except KeyError:
        known = ", ".join(sorted(PARAMS))
        raise InvalidParamsError(
            [("kind", f"There is no kind of job {kind!r}; use {known}.")]
        ) from None
    return validated(model, values).model_dump()


def strengths(params: dict[str, Any]) -> list[float]:
    """The strengths of the outputs of a `stylize` job, in order."""
    return list(params.get("alphas") or [params["alpha"]])
