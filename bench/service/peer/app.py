"""The peer's front end: `gunicorn bench.service.peer.app:app`."""

from __future__ import annotations

import uuid
from pathlib import Path

from flask import Flask, Response, abort, jsonify, request, send_file
from werkzeug.datastructures import FileStorage
from werkzeug.utils import secure_filename

from bench.service.peer.tasks import celery, settings, stylize

ALLOWED = {"jpg", "jpeg", "png", "webp"}
UPLOADS = settings.home / "uploads"

app = Flask(__name__)


def _save(file: FileStorage) -> Path:
    name = secure_filename(file.filename or "")
    if name.rpartition(".")[2].lower() not in ALLOWED:
        abort(400)
    path = UPLOADS / f"{uuid.uuid4().hex}-{name}"
    file.save(path)
    return path


@app.post("/stylize")
def submit() -> tuple[Response, int]:
    """Save the files and send the task."""
    UPLOADS.mkdir(parents=True, exist_ok=True)
    content, style = _save(request.files["content"]), _save(request.files["style"])
    task = stylize.delay(str(content), str(style), int(request.form.get("size", 512)))
    return jsonify({"id": task.id}), 202


@app.get("/status/<task_id>")
def status(task_id: str) -> Response:
    """The task's status in the result backend."""
    result = celery.AsyncResult(task_id)
    value = result.result if result.successful() else None
    network = value["network_s"] if value else None
    return jsonify({"id": task_id, "status": result.state, "network_s": network})


@app.get("/result/<task_id>")
def result(task_id: str) -> Response:
    """The resulting picture."""
    found = celery.AsyncResult(task_id)
    if not found.successful():
        abort(404)
    return send_file(found.result["path"])
