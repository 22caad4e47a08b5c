"""`/live/runtime`: onnxruntime-web, which runs networks in the browser on the page `/live`."""

from __future__ import annotations

import gzip
from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, abort, request, send_file

blueprint = Blueprint("live_runtime", __name__, url_prefix="/live/runtime")

#: File of the npm package onnxruntime-web → its media type. Each lies compressed in
#: `web/onnxruntime_web/`, where `make onnxruntime-web` puts it.
FILES = {
    "ort.wasm.bundle.min.mjs": "text/javascript",
    "ort.webgpu.bundle.min.mjs": "text/javascript",
    "ort-wasm-simd-threaded.wasm": "application/wasm",
    "ort-wasm-simd-threaded.asyncify.wasm": "application/wasm",
}


@blueprint.get("/<runtime_file>")
def file(runtime_file: str) -> Response:
    """A file of onnxruntime-web, sent with gzip as it is stored, or unpacked for other clients."""
    if runtime_file not in FILES:
        abort(404)
    path = Path(str(files("web"))) / "onnxruntime_web" / f"{runtime_file}.gz"
    if request.accept_encodings["gzip"]:
        response = send_file(path, mimetype=FILES[runtime_file])
        response.headers["Content-Encoding"] = "gzip"
    else:
        response = Response(gzip.decompress(path.read_bytes()), mimetype=FILES[runtime_file])
    response.vary.add("Accept-Encoding")
    # Asked for again at each visit, and answered with 304: a module and its WebAssembly file must be of
    # one release.
    response.headers["Cache-Control"] = "public, no-cache"
    return response
