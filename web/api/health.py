"""Liveness, readiness and metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, Response, jsonify
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from atelier import types
from web.current import whole_service
from web.openapi.operation import data, describe, returns

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@describe("Health", {200: returns(types.Health, "Alive")}, public=True)
def healthz() -> Response:
    """Liveness: the process answers."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
@describe(
    "Health",
    {200: returns(types.Health, "Ready"), 503: returns(types.Health, "Not ready")},
    public=True,
)
def readyz() -> tuple[Response, int]:
    """Readiness: database, storage and decoders work. The broker may be down; jobs wait for it."""
    wrong = whole_service().check()
    return jsonify({"status": "unready" if wrong else "ready", "wrong": wrong}), 503 if wrong else 200


@blueprint.get("/metrics")
@describe("Health", {200: data("Text format 0.0.4", "text/plain", schema={"type": "string"})})
def metrics() -> Response:
    """Metrics from the database, in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(_Metrics())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Metrics(Collector):
    """The service's metrics, read when they are scraped."""

    def collect(self) -> Iterable[Metric]:
        """Read all metrics."""
        return whole_service().metrics()
