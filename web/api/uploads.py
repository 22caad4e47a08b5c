"""`/v1/uploads`: pictures that are uploaded before the jobs that use them."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from atelier import types
from imaging.formats import FORMAT_NAMES
from jobs.params.handling import Handling
from jobs.params.validate import validated
from web.api.jobs import send_blob
from web.current import service
from web.forms.fields import UploadFields
from web.forms.multipart import read_form
from web.openapi.bodies import fields_of, form
from web.openapi.operation import BINARY, DELETED, Schema, data, describe, returns
from web.serializers import upload_json

blueprint = Blueprint("uploads", __name__, url_prefix="/v1/uploads")


def _body() -> Schema:
    file = {**BINARY, "description": f"A {FORMAT_NAMES} picture; its metadata is not kept."}
    return form({"file": file, "expires_in": fields_of(Handling)["expires_in"]}, ["file"])


@blueprint.post("")
@describe(
    "Uploads",
    {201: returns(types.Upload, "Stored")},
    body=_body,
    name="upload",
    problems=(400, 413, 415, 422, 429, 503),
)
def create() -> Response:
    """Store a picture for a while, without its metadata."""
    atelier = service()
    limit = atelier.settings.max_upload_mb * 1_000_000
    fields, files = read_form(request, files={"file"}, max_bytes=limit)
    missing = [("file", "A picture is needed: send it as the file field file.")]
    asked = validated(UploadFields, fields, problems=[] if "file" in files else missing)
    upload = atelier.uploads.add(files["file"], expires_in=asked.expires_in)
    response = jsonify(upload_json(upload))
    response.status_code = 201
    response.headers["Location"] = f"/v1/uploads/{upload.id}"
    return response


@blueprint.get("/<upload_id>")
@describe("Uploads", {200: returns(types.Upload, "The upload")}, name="show_upload", problems=(404,))
def show(upload_id: str) -> Response:
    """Show an upload."""
    return jsonify(upload_json(service().uploads.get(upload_id)))


@blueprint.get("/<upload_id>/image")
@describe("Uploads", {200: data("The picture")}, name="upload_image", problems=(404,))
def image(upload_id: str) -> Response:
    """Send the stored picture: the pixels that were uploaded, without metadata."""
    upload, data = service().uploads.image(upload_id)
    return send_blob(upload.blob, data, name=f"upload-{upload.id[:8]}")


@blueprint.delete("/<upload_id>")
@describe("Uploads", {204: DELETED}, name="delete_upload", problems=(404,))
def delete(upload_id: str) -> tuple[str, int]:
    """Delete an upload. Submitted jobs that use it keep the picture."""
    service().uploads.delete(upload_id)
    return "", 204
