"""`/v1/styles`: styles of the gallery and of the caller."""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache

from flask import Blueprint, Response, jsonify, request

from atelier import types
from jobs.blobs.storage import BlobStorage
from jobs.db.models.catalog import Style
from jobs.errors import InvalidParamsError
from jobs.media.decode_caller import without_caller
from jobs.media.limits import DecodeLimits
from jobs.media.sandbox import thumbnail_in_sandbox
from jobs.params.train import StyleTuning
from jobs.params.validate import validated
from web.api.jobs import send_blob
from web.current import service
from web.forms.json_body import MAX_BYTES, read_json
from web.forms.multipart import read_form
from web.forms.queries import StyleImageQuery
from web.openapi.bodies import form, json_body
from web.openapi.operation import BINARY, DELETED, Schema, data, describe, returns
from web.request_ids import request_id
from web.serializers import job_json, style_json

blueprint = Blueprint("styles", __name__, url_prefix="/v1/styles")

#: Long sides of thumbnails in pixels; others are refused, so that callers can't fill the cache.
THUMBNAIL_SIDES = (96, 192, 384)


def _body() -> Schema:
    file = {**BINARY, "description": "The style image."}
    return form(
        {"file": file, "title": {"type": "string", "minLength": 1, "maxLength": 120}}, ["file", "title"]
    )


@blueprint.get("")
@describe("Styles", {200: returns(types.StyleList, "The styles")})
def list_styles() -> Response:
    """List all styles, in their order."""
    atelier = service()
    tuned = atelier.networks.tuned_styles()
    return jsonify({"styles": [style_json(style, tuned) for style in atelier.styles.all()]})


@blueprint.post("")
@describe(
    "Styles",
    {201: returns(types.Style, "Registered")},
    body=_body,
    name="create_style",
    problems=(400, 413, 415, 422, 429, 503),
)
def create() -> Response:
    """Add a style image of the caller."""
    atelier = service()
    limit = atelier.settings.max_upload_mb * 1_000_000
    fields, files = read_form(request, files={"file"}, max_bytes=limit)
    problems = [(name, "There is no such field.") for name in fields if name != "title"]
    if "file" not in files:
        problems.append(("file", "A picture is needed: send it as the file field file."))
    if problems:
        raise InvalidParamsError(problems)
    style = atelier.styles.add(files["file"], title=fields.get("title", ""))
    response = jsonify(style_json(style, atelier.networks.tuned_styles()))
    response.status_code = 201
    response.headers["Location"] = f"/v1/styles/{style.id}"
    return response


@blueprint.delete("/<style_id>")
@describe("Styles", {204: DELETED}, name="delete_style", problems=(404, 409))
def delete(style_id: str) -> tuple[str, int]:
    """Delete a style of the caller. Submitted jobs that use it keep it."""
    service().styles.delete(style_id)
    return "", 204


@blueprint.get("/<style_id>")
@describe("Styles", {200: returns(types.Style, "The style")}, name="show_style", problems=(404,))
def show(style_id: str) -> Response:
    """Show a style."""
    atelier = service()
    return jsonify(style_json(atelier.styles.find(style_id), atelier.networks.tuned_styles()))


def _tuning_body() -> Schema:
    return json_body(StyleTuning)


@blueprint.post("/<style_id>/tune")
@describe(
    "Styles",
    {202: returns(types.Job, "The training job")},
    body=_tuning_body,
    name="tune_style",
    problems=(400, 404, 409, 413, 422, 429, 503),
)
def tune(style_id: str) -> Response:
    """Start the training of a network that is tuned to a style, or show the one that runs.

    When it has succeeded, `network=auto` takes its network for this style.
    """
    request.max_content_length = MAX_BYTES
    settings = validated(StyleTuning, read_json(request) if request.get_data() else {})
    atelier = service()
    job = atelier.tune(style_id, settings, request_id=request_id())
    response = jsonify(job_json(job, atelier.queue_position(job)))
    response.status_code = 202
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return response


@blueprint.get("/<style_id>/image")
@describe(
    "Styles", {200: data("The picture")}, query=StyleImageQuery, name="style_image", problems=(404, 422)
)
def image(style_id: str) -> Response:
    """Send the style's picture, or a thumbnail of `?size=` pixels."""
    styles = service().styles
    if "size" not in request.args:
        style, data = styles.image(style_id)
        return send_blob(style.blob, data, name=style.id)
    return _send_thumbnail(styles.find(style_id), request.args["size"])


def _send_thumbnail(style: Style, size: str) -> Response:
    if size not in map(str, THUMBNAIL_SIDES):
        sides = ", ".join(map(str, THUMBNAIL_SIDES))
        raise InvalidParamsError([("size", f"Thumbnails come in the sizes {sides}.")])
    atelier = service()
    blob, limits = style.blob, atelier.settings.decode_limits
    with nullcontext() if style.owner else without_caller():
        small = _thumbnail(
            style.owner, atelier.storage, blob.sha256, blob.media_type, int(size), limits
        )
    response = Response(small, mimetype="image/webp")
    response.set_etag(f"{blob.sha256}-{size}")
    response.make_conditional(request)
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


@lru_cache(maxsize=512)
def _thumbnail(
    owner: str | None,
    storage: BlobStorage,
    sha256: str,
    media_type: str,
    side: int,
    limits: DecodeLimits,
) -> bytes:
    # Kept for each owner apart: the time of an answer must not tell which pictures others have.
    del owner
    # Cached by the hash of the picture, not by its bytes: those of 512 styles are gigabytes.
    return thumbnail_in_sandbox(storage.get(sha256), media_type, limits, side=side)
