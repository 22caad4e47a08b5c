"""Liveness, readiness and figures for Prometheus."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from web.current import whole_service

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Jobs can be taken: database and storage work. The broker may be away; jobs wait for it."""
    wrong = whole_service().check()
    return jsonify({"status": "unready" if wrong else "ready", "wrong": wrong}), 503 if wrong else 200


@blueprint.get("/metrics")
def metrics() -> Response:
    """Counts from SQL, in Prometheus's text format."""
    lines = []
    for metric in whole_service().metrics():
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.type}"]
        lines += [f"{metric.name}{labels} {value}" for labels, value in metric.samples]
    return Response("\n".join(lines) + "\n", mimetype="text/plain; version=0.0.4")
