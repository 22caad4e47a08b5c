"""`/v1/uploads`: pictures that are uploaded before the jobs that use them."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from jobs.errors import InvalidParamsError
from web.api.jobs import send_blob
from web.current import service
from web.forms.fields import expires_in
from web.forms.multipart import read_form
from web.serializers import upload_json

blueprint = Blueprint("uploads", __name__, url_prefix="/v1/uploads")


@blueprint.post("")
def create() -> Response:
    """Store a picture for a while, without its metadata."""
    atelier = service()
    limit = atelier.settings.max_upload_mb * 1_000_000
    fields, files = read_form(request, files={"file"}, max_bytes=limit)
    problems = [(name, "There is no such field.") for name in fields if name != "expires_in"]
    if "file" not in files:
        problems.append(("file", "A picture is needed: send it as the file field file."))
    if problems:
        raise InvalidParamsError(problems)
    upload = atelier.uploads.add(files["file"], expires_in=expires_in(fields))
    response = jsonify(upload_json(upload))
    response.status_code = 201
    response.headers["Location"] = f"/v1/uploads/{upload.id}"
    return response


@blueprint.get("/<upload_id>")
def show(upload_id: str) -> Response:
    """Show an upload."""
    return jsonify(upload_json(service().uploads.get(upload_id)))


@blueprint.get("/<upload_id>/image")
def image(upload_id: str) -> Response:
    """Send the stored picture: the pixels that were uploaded, without metadata."""
    upload, data = service().uploads.image(upload_id)
    return send_blob(upload.blob, data, name=f"upload-{upload.id[:8]}")


@blueprint.delete("/<upload_id>")
def delete(upload_id: str) -> tuple[str, int]:
    """Delete an upload. Submitted jobs that use it keep the picture."""
    service().uploads.delete(upload_id)
    return "", 204
