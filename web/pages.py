"""The pages. They are clients of the public API alone."""

from __future__ import annotations

from importlib.metadata import version

from flask import Blueprint, render_template

from jobs.params import StylizeParams
from web.current import caller, service

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def studio() -> str:
    """The studio: a photo, a style, a picture."""
    return render_template(
        "studio.html",
        max_upload_mb=service().settings.max_upload_mb,
        defaults={
            "alpha": StylizeParams.model_fields["alpha"].default,
            "quality": StylizeParams.model_fields["quality"].default,
            "size": 1024,
        },
        version=version("atelier"),
        logged_in=caller().key_id is not None,
    )
