"""`/v1/networks`: trained networks, by name and version."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from atelier import types
from jobs.errors import InvalidParamsError
from web.api.jobs import send_blob
from web.current import service
from web.forms.multipart import read_form
from web.openapi.bodies import form
from web.openapi.operation import BINARY, DELETED, Schema, data, describe, returns
from web.serializers import network_json

blueprint = Blueprint("networks", __name__, url_prefix="/v1/networks")


def _body() -> Schema:
    fields = {
        "file": {**BINARY, "description": "A .safetensors file that Atelier saved."},
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"},
    }
    return form(fields, ["file", "name"])


@blueprint.get("")
@describe("Networks", {200: returns(types.NetworkList, "The networks")})
def list_networks() -> Response:
    """List the caller's networks, newest first."""
    return jsonify({"items": [network_json(network) for network in service().networks.all()]})


@blueprint.post("")
@describe(
    "Networks",
    {201: returns(types.Network, "Imported")},
    body=_body,
    name="create_network",
    problems=(400, 413, 415, 422, 429, 503),
)
def create() -> Response:
    """Import a network that was trained elsewhere."""
    atelier = service()
    limit = atelier.settings.max_upload_mb * 1_000_000
    fields, files = read_form(request, files={"file"}, max_bytes=limit)
    problems = [(name, "There is no such field.") for name in fields if name != "name"]
    if "file" not in files:
        problems.append(("file", "The network is needed: a .safetensors file as the field file."))
    if problems:
        raise InvalidParamsError(problems)
    network = atelier.networks.add_file(files["file"].data, name=fields.get("name", ""))
    response = jsonify(network_json(network))
    response.status_code = 201
    response.headers["Location"] = f"/v1/networks/{network.id}"
    return response


@blueprint.get("/<network_id>")
@describe(
    "Networks", {200: returns(types.Network, "The network")}, name="show_network", problems=(404,)
)
def show(network_id: str) -> Response:
    """Show a network."""
    return jsonify(network_json(service().networks.get(network_id)))


@blueprint.get("/<network_id>/file")
@describe(
    "Networks",
    {200: data("The file", "application/vnd.safetensors")},
    name="network_file",
    problems=(404,),
)
def file(network_id: str) -> Response:
    """Send the network as one safetensors file, with its training settings in the header."""
    network, data = service().networks.file(network_id)
    return send_blob(network.blob, data, name=f"{network.name}-v{network.version}")


@blueprint.get("/<network_id>/<which>")
@describe(
    "Networks",
    {200: data("The picture")},
    path={"which": {"enum": ["style", "sample"]}},
    name="network_picture",
    problems=(404,),
)
def picture(network_id: str, which: str) -> Response:
    """Send the picture of its style, or the last sample of its training."""
    blob, data = service().networks.picture(network_id, which)
    return send_blob(blob, data, name=f"network-{network_id[:8]}-{which}")


@blueprint.delete("/<network_id>")
@describe("Networks", {204: DELETED}, name="delete_network", problems=(404,))
def delete(network_id: str) -> tuple[str, int]:
    """Delete a network. Submitted jobs that use it keep it."""
    service().networks.delete(network_id)
    return "", 204
