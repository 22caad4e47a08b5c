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

blueprint = Blueprint("styles", __name__, url_prefix="/v1/styles")

#: The only sizes that are made, so that nobody can make the server resize without end.
THUMBNAIL_SIDES = (96, 192, 384)


@blueprint.get("")
def list_styles() -> Response:
    """All styles, in their order."""
    return jsonify({"styles": [style_json(style) for style in service().styles.all()]})


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
