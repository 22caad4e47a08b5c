"""`/v1/styles`: the styles that can be named in a job."""

from __future__ import annotations

import io
from functools import lru_cache

from flask import Blueprint, Response, jsonify, request, send_file
from PIL import Image

from jobs.errors import InvalidParamsError
from web.current import service
from web.jobs_api import send_blob
from web.schemas import style_json
from web.uploads import read_form

blueprint = Blueprint("styles", __name__, url_prefix="/v1/styles")

#: The only sizes that are made, so that nobody can make the server resize without end.
THUMBNAIL_SIDES = (96, 192, 384)


@blueprint.get("")
def list_styles() -> Response:
    """All styles, in their order."""
    return jsonify({"styles": [style_json(style) for style in service().styles.all()]})


@blueprint.post("")
def create() -> Response:
    """Register a style image of one's own."""
    atelier = service()
    limit = atelier.settings.max_upload_mb * 1_000_000
    fields, files = read_form(request, files={"file"}, max_bytes=limit)
    problems = [(name, "There is no such field.") for name in fields if name != "title"]
    if "file" not in files:
        problems.append(("file", "A picture is needed: send it as the file field file."))
    if problems:
        raise InvalidParamsError(problems)
    style = atelier.styles.add(files["file"], title=fields.get("title", ""))
    response = jsonify(style_json(style))
    response.status_code = 201
    response.headers["Location"] = f"/v1/styles/{style.id}"
    return response


@blueprint.delete("/<style_id>")
def delete(style_id: str) -> tuple[str, int]:
    """Forget a style of one's own. Jobs that use it keep it."""
    service().styles.delete(style_id)
    return "", 204


@blueprint.get("/<style_id>")
def show(style_id: str) -> Response:
    """One style."""
    style, _ = service().styles.image(style_id)
    return jsonify(style_json(style))


@blueprint.get("/<style_id>/image")
def image(style_id: str) -> Response:
    """The style's picture, or a thumbnail of `?size=` pixels."""
    style, data = service().styles.image(style_id)
    if "size" not in request.args:
        return send_blob(style.blob, data, name=style.id)
    size = request.args["size"]
    if size not in map(str, THUMBNAIL_SIDES):
        sides = ", ".join(map(str, THUMBNAIL_SIDES))
        raise InvalidParamsError([("size", f"Thumbnails come in the sizes {sides}.")])
    response = send_file(
        io.BytesIO(_thumbnail(data, int(size))),
        mimetype="image/webp",
        conditional=True,
        etag=f"{style.sha256}-{size}",
    )
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


@lru_cache(maxsize=256)
def _thumbnail(data: bytes, side: int) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        small = picture.convert("RGB")
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "WEBP", quality=82)
    return out.getvalue()
