"""`/openapi.json` and the page that shows it."""

from __future__ import annotations

from pathlib import Path

import swagger_ui_bundle
from flask import Blueprint, Response, jsonify, render_template, send_from_directory

from web.openapi import document

blueprint = Blueprint("docs", __name__)

#: Swagger UI's own files, out of the installed package.
SWAGGER = Path(swagger_ui_bundle.swagger_ui_path)


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
    return send_from_directory(SWAGGER, name)
