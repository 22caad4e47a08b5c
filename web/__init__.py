"""Thin HTTP: the JSON API, the page, uploads, streaming, health. Knows flask and `jobs` alone."""

from __future__ import annotations

from flask import Flask, Response

from jobs.service import JobService, make_service
from jobs.settings import Settings, load_settings

#: No script, style or picture from anywhere else, and none inline.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def create_app(settings: Settings | None = None, service: JobService | None = None) -> Flask:
    """The application. `service` is for tests; by default it is what the settings describe."""
    from web import (
        batches_api,
        docs,
        errors,
        events,
        health,
        jobs_api,
        pages,
        queues_api,
        requests,
        simple,
        styles_api,
    )

    settings = settings or load_settings()
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = (2 * settings.max_upload_mb + 1) * 1_000_000
    app.config["MAX_FORM_PARTS"] = 60
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["atelier"] = service or make_service(settings)
    for module in (
        *(jobs_api, events, batches_api, queues_api, styles_api, simple),
        *(health, docs, pages),
    ):
        app.register_blueprint(module.blueprint)
    errors.register(app)
    requests.register(app)
    app.after_request(_secure)
    return app


def _secure(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("X-Frame-Options", "DENY")
    return response
