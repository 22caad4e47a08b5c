"""Kinds of jobs: one record for each, and the validation of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from jobs.errors import InvalidParamsError
from jobs.params.export import ExportParams
from jobs.params.handling import Handling
from jobs.params.optimize import OptimizeParams
from jobs.params.stylize import StylizeParams
from jobs.params.train import TrainParams
from jobs.params.video import VideoParams
from params.errors import explain


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """The properties of a kind of job. The worker's handler of each is in `worker.kinds.handlers`."""

    #: The model of the parameters, or a tagged union of models.
    params: Any
    #: Jobs of minutes have their own queue, so that they don't delay short jobs.
    queue: Literal["stylize", "train"] = "train"
    #: What the file field `content` holds; None if the kind has no content.
    content: Literal["picture", "video"] | None = None
    #: Whether the kind takes pictures at all.
    takes_pictures: bool = True
    #: Whether `styles` and `regions` may name further file fields.
    takes_named_files: bool = False
    #: Whether a batch may have jobs of this kind.
    takes_batches: bool = False
    #: Whether its jobs can be paused, resumed and finished early.
    controllable: bool = False
    #: Whether its runs store losses.
    has_losses: bool = False
    #: Whether its runs store sample pictures.
    has_samples: bool = False

    @property
    def variants(self) -> dict[str, type[BaseModel]]:
        """Models of the parameters by tag; a single model has the tag ""."""
        if get_origin(self.params) is not Annotated:
            return {"": self.params}
        tagged = get_args(get_args(self.params)[0])
        return {get_args(each)[1].tag: get_args(each)[0] for each in tagged}


KINDS: dict[str, JobKind] = {
    "stylize": JobKind(
        params=StylizeParams,
        queue="stylize",
        content="picture",
        takes_named_files=True,
        takes_batches=True,
    ),
    "train": JobKind(params=TrainParams, controllable=True, has_losses=True, has_samples=True),
    "optimize": JobKind(params=OptimizeParams, content="picture", has_losses=True, has_samples=True),
    "video": JobKind(params=VideoParams, content="video", takes_named_files=True, has_samples=True),
    "export": JobKind(params=ExportParams, takes_pictures=False),
}
#: The kind of a request that names none.
DEFAULT_KIND = "stylize"


def find_kind(kind: str) -> JobKind:
    """The kind of this name. Raises `InvalidParamsError`."""
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise InvalidParamsError([("kind", f"There is no kind of job {kind!r}; use {known}.")])
    return KINDS[kind]


def parse_params(kind: str, values: dict[str, Any]) -> Any:
    """The parameters of a job of `kind`, an instance of its model. Raises `InvalidParamsError`."""
    found = find_kind(kind)
    try:
        return TypeAdapter(found.params).validate_python(values)
    except ValidationError as error:
        raise InvalidParamsError([_problem(found, item) for item in error.errors()]) from None


def validate_params(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a job of `kind` as JSON values, with defaults. Raises `InvalidParamsError`."""
    valid: BaseModel = parse_params(kind, values)
    return valid.model_dump(mode="json")


def strengths(params: dict[str, Any]) -> list[float]:
    """The strengths of the outputs of a `stylize` job, in order."""
    return list(params.get("alphas") or [params["alpha"]])


def _problem(kind: JobKind, item: Any) -> tuple[str, str]:
    """Name of the field and explanation, from an error of pydantic."""
    models = kind.variants
    location = item["loc"]
    if len(models) == 1:
        known = _known_fields(models[""]) if len(location) == 1 else ()
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
