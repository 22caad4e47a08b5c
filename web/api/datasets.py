"""`/v1/datasets`: photographs for trainings."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from atelier import types
from imaging.formats import FORMAT_NAMES
from jobs.errors import InvalidParamsError
from web.api.jobs import send_blob
from web.current import service
from web.forms.multipart import read_form
from web.openapi.bodies import form
from web.openapi.operation import BINARY, DELETED, Schema, data, describe, returns
from web.security.concurrency import admit_body
from web.serializers import dataset_json

blueprint = Blueprint("datasets", __name__, url_prefix="/v1/datasets")


def _body() -> Schema:
    fields = {
        "file": {**BINARY, "description": f"A zip archive of {FORMAT_NAMES} pictures."},
        "folder": {"type": "string", "description": "Or a folder below the server's DATASET_ROOT."},
        "name": {"type": "string", "minLength": 1, "maxLength": 120},
    }
    return form(fields, ["name"])


@blueprint.get("")
@describe("Datasets", {200: returns(types.DatasetList, "The datasets")})
def list_datasets() -> Response:
    """List the shared datasets, then the caller's own."""
    return jsonify({"items": [dataset_json(dataset) for dataset in service().datasets.all()]})


@blueprint.post("")
@describe(
    "Datasets",
    {201: returns(types.Dataset, "Created")},
    body=_body,
    name="create_dataset",
    problems=(400, 413, 415, 422, 429, 503),
)
def create() -> Response:
    """Create a dataset from a zip archive, or register a folder of the server."""
    atelier = service()
    limit = atelier.settings.max_dataset_mb * 1_000_000
    usual = 2 * atelier.settings.max_upload_mb * 1_000_000
    admit_body(request, usual, limit + 1_000_000)
    fields, files = read_form(request, files={"file"}, max_bytes=limit)
    problems = [(name, "There is no such field.") for name in fields if name not in {"name", "folder"}]
    if ("file" in files) == ("folder" in fields):
        problems.append(("file", "Send a zip archive as the file field file, or name a folder."))
    if problems:
        raise InvalidParamsError(problems)
    name = fields.get("name", "")
    if "folder" in fields:
        dataset = atelier.datasets.add_folder(fields["folder"], name=name)
    else:
        dataset = atelier.datasets.add_archive(files["file"].data, name=name)
    response = jsonify(dataset_json(dataset))
    response.status_code = 201
    response.headers["Location"] = f"/v1/datasets/{dataset.id}"
    return response


@blueprint.get("/<dataset_id>")
@describe(
    "Datasets", {200: returns(types.Dataset, "The dataset")}, name="show_dataset", problems=(404,)
)
def show(dataset_id: str) -> Response:
    """Show a dataset."""
    return jsonify(dataset_json(service().datasets.get(dataset_id)))


@blueprint.get("/<dataset_id>/images/<int:number>")
@describe("Datasets", {200: data("The photograph")}, name="dataset_image", problems=(404,))
def image(dataset_id: str, number: int) -> Response:
    """A photograph of a dataset, counted from 0."""
    blob, data = service().datasets.image(dataset_id, number)
    return send_blob(blob, data, name=f"dataset-{dataset_id[:8]}-{number}")


@blueprint.delete("/<dataset_id>")
@describe("Datasets", {204: DELETED}, name="delete_dataset", problems=(404, 409))
def delete(dataset_id: str) -> tuple[str, int]:
    """Delete a dataset of the caller."""
    service().datasets.delete(dataset_id)
    return "", 204
