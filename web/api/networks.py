"""`/v1/networks`: trained networks, by name and version."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from jobs.errors import InvalidParamsError
from web.api.jobs import send_blob
from web.current import service
from web.forms.multipart import read_form
from web.serializers import network_json

blueprint = Blueprint("networks", __name__, url_prefix="/v1/networks")


@blueprint.get("")
def list_networks() -> Response:
    """List the caller's networks, newest first."""
    return jsonify({"items": [network_json(network) for network in service().networks.all()]})


@blueprint.post("")
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
def show(network_id: str) -> Response:
    """Show a network."""
    return jsonify(network_json(service().networks.get(network_id)))


@blueprint.get("/<network_id>/file")
def file(network_id: str) -> Response:
    """Send the network as one safetensors file, with its training settings in the header."""
    network, data = service().networks.file(network_id)
    return send_blob(network.blob, data, name=f"{network.name}-v{network.version}")


@blueprint.get("/<network_id>/<which>")
def picture(network_id: str, which: str) -> Response:
    """Send the picture of its style, or the last sample of its training."""
    blob, data = service().networks.picture(network_id, which)
    return send_blob(blob, data, name=f"network-{network_id[:8]}-{which}")


@blueprint.delete("/<network_id>")
def delete(network_id: str) -> tuple[str, int]:
    """Delete a network. Submitted jobs that use it keep it."""
    service().networks.delete(network_id)
    return "", 204
