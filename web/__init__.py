"""HTTP layer: JSON API, pages, uploads, event streams, health. Imports flask and `jobs` only."""

from __future__ import annotations

from flask import Flask

from jobs.service import JobService, make_service
from jobs.settings import Settings, load_settings


def create_app(settings: Settings | None = None, service: JobService | None = None) -> Flask:
    """Create the Flask application. `service` is for tests; by default it is made from the settings."""
    from web import compression, errors, request_ids
    from web.api.job_answers import JobAnswers
    from web.forms import text_checks
    from web.forms.form_parser import FormRequest
    from web.security import access, body_bytes, concurrency, headers, rate_limits
    from web.security.slow_readers import SlowReaderLimits

    settings = settings or load_settings()
    app = Flask(__name__)
    app.request_class = FormRequest
    app.config["MAX_CONTENT_LENGTH"] = (2 * settings.max_upload_mb + 1) * 1_000_000
    app.config["MAX_FORM_PARTS"] = 60
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["atelier"] = service or make_service(settings, request_threads=settings.web_threads)
    app.extensions["job_answers"] = JobAnswers()
    concurrency.register(app, settings.web_threads)
    body_bytes.register(app, settings)
    # The request id comes first, so that refused requests have one too.
    request_ids.register(app)
    access.register(app, settings)
    rate_limits.register(app, settings)
    app.before_request(access.admit)
    app.before_request(concurrency.set_caller)
    app.before_request(body_bytes.admit)
    text_checks.register(app)
    register_routes(app)
    errors.register(app)
    app.after_request(headers.secure)
    app.after_request(compression.compress)
    app.wsgi_app = SlowReaderLimits(  # type: ignore[method-assign]
        app.wsgi_app, lambda: app.extensions["concurrency"]
    )
    return app


def register_routes(app: Flask) -> None:
    """Register every blueprint: the API and the pages."""
    from web.api import (
        admin,
        batches,
        datasets,
        docs,
        events,
        health,
        jobs,
        links,
        networks,
        queues,
        styles,
        sync,
        trainings,
        uploads,
    )
    from web.pages import live_runtime, pages, sample_photos
    from web.security import sessions

    for module in (
        *(jobs, events, trainings, links, batches, queues, admin, sync),
        *(styles, uploads, networks, datasets),
        *(health, docs, pages, sample_photos, live_runtime, sessions),
    ):
        app.register_blueprint(module.blueprint)
