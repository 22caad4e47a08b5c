"""`/openapi.json` and the page that shows it."""

from __future__ import annotations

from importlib.resources import files

from flask import Blueprint, Response, abort, jsonify, render_template, send_from_directory

from web.openapi.document import document

blueprint = Blueprint("docs", __name__)

#: What the page needs of Swagger UI, out of the package swagger-ui-py.
ASSETS = frozenset({"swagger-ui.css", "swagger-ui-bundle.js"})


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The API's description, OpenAPI 3.1."""
    return jsonify(document())


@blueprint.get("/docs")
def docs() -> Response:
    """The description, to read and to try."""
    return Response(render_template("docs.html"))


@blueprint.get("/docs/assets/<path:name>")
def asset(name: str) -> Response:
    """A file of Swagger UI."""
    if name not in ASSETS:
        abort(404)
    return send_from_directory(str(files("swagger_ui") / "static"), name)
