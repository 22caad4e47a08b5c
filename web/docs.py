"""`/openapi.json` and the page that shows it."""

from __future__ import annotations

from pathlib import Path

import swagger_ui_bundle
from flask import Blueprint, Response, jsonify, render_template, send_from_directory

from web.openapi import document

blueprint = Blueprint("docs", __name__)

#: Swagger UI's own files, out of the installed package.
SWAGGER = Path(swagger_ui_bundle.swagger_ui_path)
#: Swagger UI styles its elements in line; everything else stays as strict as on the other pages.
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The API's description, OpenAPI 3.1."""
    return jsonify(document())


@blueprint.get("/docs")
def docs() -> Response:
    """The description, to read and to try."""
    response = Response(render_template("docs.html"))
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@blueprint.get("/docs/assets/<path:name>")
def asset(name: str) -> Response:
    """A file of Swagger UI."""
    return send_from_directory(SWAGGER, name)
