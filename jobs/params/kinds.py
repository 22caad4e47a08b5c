"""Kinds of jobs: the parameters and the queue of each, and the validation of parameters."""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from jobs.errors import InvalidParamsError
from jobs.params.export import ExportParams
from jobs.params.handling import Handling
from jobs.params.optimize import OptimizeParams
from jobs.params.stylize import StylizeParams
from jobs.params.train import TrainParams
from jobs.params.video import VideoParams
from params.errors import explain

#: Kind of job → the model of its parameters, or a tagged union of models.
PARAMS: dict[str, Any] = {
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


def variants(kind: str) -> dict[str, type[BaseModel]]:
    """Models of the parameters of a kind by tag; the tag of a kind with a single model is the kind."""
    params = PARAMS[kind]
    if get_origin(params) is not Annotated:
        return {kind: params}
    tagged = get_args(get_args(params)[0])
    return {get_args(each)[1].tag: get_args(each)[0] for each in tagged}


def parse_params(kind: str, values: dict[str, Any]) -> BaseModel:
    """Validate the parameters of a job of `kind`. Raises `InvalidParamsError`."""
    if kind not in PARAMS:
        known = ", ".join(sorted(PARAMS))
        raise InvalidParamsError([("kind", f"There is no kind of job {kind!r}; use {known}.")])
    try:
        parsed: BaseModel = TypeAdapter(PARAMS[kind]).validate_python(values)
    except ValidationError as error:
        raise InvalidParamsError([_problem(kind, item) for item in error.errors()]) from None
    return parsed


def validate_params(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a job of `kind` as JSON values, with defaults. Raises `InvalidParamsError`."""
    return parse_params(kind, values).model_dump(mode="json")


def strengths(params: dict[str, Any]) -> list[float]:
    """The strengths of the outputs of a `stylize` job, in order."""
    return list(params.get("alphas") or [params["alpha"]])


def _problem(kind: str, item: Any) -> tuple[str, str]:
    """Name of the field and explanation, from an error of pydantic."""
    models = variants(kind)
    location = item["loc"]
    if len(models) == 1:
        known = _known_fields(models[kind]) if len(location) == 1 else ()
        return ".".join(map(str, location)) or "body", explain(item, known)
    if item["type"] == "unknown_recipe":
        return "recipe", f"{item['msg']}."
    tag, *location = location  # a union puts the tag first
    name = ".".join(map(str, location)) or "body"
    if item["type"] == "extra_forbidden" and any(
        name in model.model_fields for model in models.values()
    ):
        return name, f"Trainings of the recipe {tag} have no such setting; leave it out."
    return name, explain(item, _known_fields(models[tag]) if len(location) == 1 else ())


def _known_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """Names that a request may have beside the parameters of `model`, and these."""
    return (*model.model_fields, *Handling.model_fields, "kind", "content", "style", "style_id")
