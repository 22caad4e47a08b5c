"""`/openapi.json`, and the page that shows it with Swagger UI."""

from __future__ import annotations

from importlib.resources import files

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, send_from_directory

from web.openapi.document import document

blueprint = Blueprint("docs", __name__)

#: Files of Swagger UI that the page loads, from the package swagger-ui-py.
ASSETS = frozenset({"swagger-ui.css", "swagger-ui-bundle.js"})


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The description of the API, OpenAPI 3.1."""
    return jsonify(document(current_app))


@blueprint.get("/docs")
def docs() -> Response:
    """The page that shows the description of the API."""
    return Response(render_template("docs.html"))


@blueprint.get("/docs/assets/<path:name>")
def asset(name: str) -> Response:
    """A file of Swagger UI."""
    if name not in ASSETS:
        abort(404)
    return send_from_directory(str(files("swagger_ui") / "static"), name)
