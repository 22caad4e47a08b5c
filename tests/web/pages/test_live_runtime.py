"""The files of onnxruntime-web as they are served, and what the page `/live` and its workers may do."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from web.pages.live_runtime import FILES

FOLDER = Path(__file__).parents[3] / "web" / "onnxruntime_web"


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".mjs")])
def test_a_file_is_sent_packed_and_unpacked_and_is_of_the_pinned_release(
    client: FlaskClient, name: str
) -> None:
    packed = client.get(f"/live/runtime/{name}", headers={"Accept-Encoding": "gzip"}, buffered=True)
    plain = client.get(f"/live/runtime/{name}", buffered=True)

    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.data) == plain.data
    assert packed.mimetype == plain.mimetype == "text/javascript"
    version = json.loads((FOLDER / "package.json").read_text())["dependencies"]["onnxruntime-web"]
    assert f"ONNX Runtime Web v{version}\n".encode() in plain.data[:100]
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/onnxruntime-web"]["version"] == version


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".wasm")])
def test_webassembly_is_sent_with_its_type_and_only_once(client: FlaskClient, name: str) -> None:
    accepted = {"Accept-Encoding": "gzip"}
    answer = client.get(f"/live/runtime/{name}", headers=accepted, buffered=True)
    assert answer.mimetype == "application/wasm"
    assert gzip.decompress(answer.data).startswith(b"\0asm")
    again = accepted | {"If-None-Match": answer.headers["ETag"]}
    assert client.get(f"/live/runtime/{name}", headers=again, buffered=True).status_code == 304


@pytest.mark.parametrize("name", ["package.json", "ort.wasm.bundle.min.mjs.gz", "..%2Fwsgi.py"])
def test_other_files_are_not_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/live/runtime/{name}").status_code == 404


def test_only_the_workers_of_the_live_page_may_compile_webassembly(client: FlaskClient) -> None:
    for path in ("/static/live/painter-worker.js", "/live/runtime/ort.wasm.bundle.min.mjs"):
        headers = client.get(path, buffered=True).headers
        assert "script-src 'self' 'wasm-unsafe-eval'" in headers["Content-Security-Policy"]
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    for path in ("/", "/live", "/static/studio/index.js"):
        assert "unsafe" not in client.get(path, buffered=True).headers["Content-Security-Policy"]


def test_only_the_live_page_may_use_the_camera(client: FlaskClient) -> None:
    assert "camera=(self)" in client.get("/live").headers["Permissions-Policy"]
    assert "camera=()" in client.get("/video").headers["Permissions-Policy"]
