"""Sources of a job's inputs: file fields of the request, registered styles, trained networks."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from jobs.errors import InvalidParamsError
from jobs.params.kinds import KINDS


@dataclass(frozen=True, kw_only=True)
class Source:
    """The source of an input: its role in the job, and the file field or style that it comes from."""

    role: str
    file: str | None = None
    style_id: str | None = None
    #: The field that names it, for errors.
    pointer: str = ""


@dataclass(frozen=True, kw_only=True)
class NetworkInput:
    """The network of a job that is trained, or bundled for one style.

    `name` is its name in the parameters of the job, `sha256` its file (None: bundled). A `styled` one
    has one fixed style.
    """

    name: str
    sha256: str | None
    styled: bool


@dataclass(frozen=True, kw_only=True)
class InputCatalog:
    """Look-ups of the styles, networks and datasets that a request names.

    `style` gives the SHA-256 of the picture of a style, `network` a network of a given name (None: it
    is bundled and takes any style), and `dataset` checks the dataset that a field names. Each raises
    `InvalidParamsError` if there is none. `tuned` gives the network that is tuned to the style whose
    picture has a given SHA-256, if there is one.
    """

    style: Callable[[str], str]
    network: Callable[[str], NetworkInput | None]
    dataset: Callable[[str, str], None]
    tuned: Callable[[str], NetworkInput | None]


#: The role of a trained network among a job's inputs.
NETWORK_ROLE = "network"


def style_roles(count: int) -> list[str]:
    """Roles of the styles of a mix of `count`, in order; those of one style if 0."""
    return ["style", *(f"style_{number}" for number in range(2, count + 1))]


def mask_role(number: int) -> str:
    """Role of the mask of a region; regions are numbered from 1."""
    return f"mask_{number}"


def region_style_role(number: int) -> str:
    """Role of the style of a region; regions are numbered from 1."""
    return f"region_{number}_style"


def find_input_sources(
    kind: str,
    params: dict[str, Any],
    style_id: str | None,
    files: Collection[str],
    network: NetworkInput | None = None,
) -> list[Source]:
    """The sources of all pictures of a job, the content first.

    `files` are the file fields of the request, `network` is its trained network. Raises
    `InvalidParamsError` for a picture that is missing, not used, or in conflict with another.
    """
    if not KINDS[kind].takes_pictures:
        return _no_pictures(kind, style_id, files)
    sources, problems = [], []
    if KINDS[kind].content is not None:
        sources.append(Source(role="content", file="content", pointer="content"))
    if network is not None and network.styled:
        problems += _unusable_fields(params, style_id, files)
    elif params.get("recipe") == "adain":
        given = [("style_id", style_id is not None), ("style", "style" in files)]
        problems += [(name, "An adain training takes style_dataset_id.") for name, is_ in given if is_]
    elif params.get("styles"):
        if style_id is not None:
            problems.append(("style_id", "Name every style in styles, or one in style_id."))
        roles = style_roles(len(params["styles"]))
        for number, (role, share) in enumerate(zip(roles, params["styles"], strict=True)):
            sources.append(_reference(role, share, f"styles.{number}"))
    else:
        style_sources, style_problems = _one_style(style_id, files)
        sources, problems = sources + style_sources, problems + style_problems
    sources += _region_sources(params.get("regions", []))
    problems += _missing(sources, files)
    named = {source.file for source in sources} | {where for where, _ in problems}
    unknown = "This file field is not used: no entry of styles or regions names it."
    problems += [(name, unknown) for name in sorted(set(files) - named)]
    if problems:
        raise InvalidParamsError(problems)
    return sources


def _no_pictures(kind: str, style_id: str | None, files: Collection[str]) -> list[Source]:
    """The empty list of sources of a job without pictures. Raises `InvalidParamsError` for any."""
    given = [*sorted(files), *(["style_id"] if style_id is not None else [])]
    if given:
        raise InvalidParamsError(
            [(name, f"Jobs of the kind {kind} take no pictures; leave this out.") for name in given]
        )
    return []


def _one_style(
    style_id: str | None, files: Collection[str]
) -> tuple[list[Source], list[tuple[str, str]]]:
    if style_id is not None and "style" in files:
        return [], [("style", "Send either a style file or a style_id, not both.")]
    if style_id is not None:
        return [Source(role="style", style_id=style_id, pointer="style_id")], []
    if "style" in files:
        return [Source(role="style", file="style", pointer="style")], []
    return [], [("style", "A style is needed: a file as style, or a style_id.")]


def _unusable_fields(
    params: dict[str, Any], style_id: str | None, files: Collection[str]
) -> list[tuple[str, str]]:
    """Errors of fields that a network with a fixed style can't use."""
    given = {
        "style_id": style_id is not None,
        "style": "style" in files,
        "styles": bool(params.get("styles")),
    }
    given |= {
        f"regions.{number}": bool(region["file"] or region["style_id"])
        for number, region in enumerate(params.get("regions") or [])
    }
    detail = "The style of this network is in its weights; leave this out."
    return [(name, detail) for name, is_given in given.items() if is_given]


def _region_sources(regions: list[dict[str, Any]]) -> list[Source]:
    sources = []
    for number, region in enumerate(regions, 1):
        pointer = f"regions.{number - 1}"
        sources.append(Source(role=mask_role(number), file=region["mask"], pointer=f"{pointer}.mask"))
        if region["file"] or region["style_id"]:
            sources.append(_reference(region_style_role(number), region, pointer))
    return sources


def _reference(role: str, reference: dict[str, Any], pointer: str) -> Source:
    key = "file" if reference["file"] else "style_id"
    return Source(role=role, **{key: reference[key]}, pointer=f"{pointer}.{key}")


def _missing(sources: list[Source], files: Collection[str]) -> list[tuple[str, str]]:
    problems = []
    for source in sources:
        if source.file is None or source.file in files:
            continue
        if source.role == "content":
            problems.append(("content", "A photo is needed: send it as the file field content."))
        else:
            problems.append((source.pointer, f"This request has no file field {source.file!r}."))
    return problems
