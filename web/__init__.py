"""Thin HTTP: the JSON API, the page, uploads, streaming, health. Knows flask and `jobs` alone."""

from __future__ import annotations

from flask import Flask

from jobs.service import JobService, make_service
from jobs.settings import Settings, load_settings


def create_app(settings: Settings | None = None, service: JobService | None = None) -> Flask:
    """The application. `service` is for tests; by default it is what the settings describe."""
    from web import (
        access,
        admin_api,
        batches_api,
        datasets_api,
        docs,
        errors,
        events,
        headers,
        health,
        jobs_api,
        links,
        networks_api,
        pages,
        queues_api,
        rates,
        requests,
        samples,
        seats,
        sessions,
        simple,
        styles_api,
        texts,
        trainings_api,
        uploads_api,
    )

    settings = settings or load_settings()
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = (2 * settings.max_upload_mb + 1) * 1_000_000
    app.config["MAX_FORM_PARTS"] = 60
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["atelier"] = service or make_service(settings)
    seats.register(app, settings.web_threads)
    # The id first: what is refused has one too.
    requests.register(app)
    access.register(app, settings)
    rates.register(app, settings)
    app.before_request(access.admit)
    texts.register(app)
    for module in (
        *(jobs_api, events, trainings_api, links, batches_api, queues_api, admin_api, simple),
        *(styles_api, uploads_api, networks_api, datasets_api),
        *(health, docs, pages, samples, sessions),
    ):
        app.register_blueprint(module.blueprint)
    errors.register(app)
    app.after_request(headers.secure)
    return app
