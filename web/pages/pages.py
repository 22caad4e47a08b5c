"""HTML pages: studio, video, live, training, operators. Their scripts use the public API only."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from flask import Blueprint, render_template
from pydantic import BaseModel

from imaging.formats import FILE_PICKER, FORMAT_NAMES
from jobs.accounts.api_keys import Scope
from jobs.params.kinds import KINDS
from jobs.params.stylize import StylizeParams
from jobs.params.video import VideoParams
from jobs.queue.lifecycle import JobStatus
from params.training import JohnsonSettings, TuneSettings
from params.tuned_networks import UNTUNED
from web.current import caller, service
from web.pages.sample_photos import PHOTOS, all_samples

blueprint = Blueprint("pages", __name__)


@blueprint.context_processor
def page_frame() -> dict[str, Any]:
    """Template variables of the frame around every page."""
    current = caller()
    return {
        "version": version("atelier"),
        "logged_in": current.key_id is not None,
        "operates": current.has_scope(Scope.ADMIN),
        "max_upload_mb": service().settings.max_upload_mb,
        "accept": ",".join(FILE_PICKER),
        "formats": FORMAT_NAMES,
    }


#: The style that is selected on a first visit: the one of the first sample.
_FIRST_STYLE = next(style for _, _, style in PHOTOS.values())


@blueprint.get("/")
def studio() -> str:
    """The studio: style a photo."""
    fields = StylizeParams.model_fields
    defaults = {
        name: fields[name].default for name in ("alpha", "texture", "saturation", "quality")
    } | {"size": 1024}
    return render_template("studio.html", defaults=defaults, samples=all_samples(), style=_FIRST_STYLE)


@blueprint.get("/video")
def video() -> str:
    """The video page: style a video, and play both in step."""
    fields = VideoParams.model_fields
    settings = service().settings
    seconds = settings.max_video_seconds
    return render_template(
        "video.html",
        style=_FIRST_STYLE,
        defaults={name: fields[name].default for name in ("alpha", "temporal", "quality")},
        max_video_mb=settings.max_video_mb,
        longest=f"{seconds / 60:g} minutes" if seconds >= 120 else f"{seconds:g} seconds",
    )


@blueprint.get("/live")
def live() -> str:
    """The live page: style the camera or a video in the browser, while it runs."""
    default = StylizeParams.model_fields["alpha"].default
    return render_template("live.html", style=_FIRST_STYLE, alpha=default, mix_network=UNTUNED)


@blueprint.get("/training")
def training() -> str:
    """The training page: train a network on one style, and watch it."""
    settings: dict[str, type[BaseModel]] = {"tune": TuneSettings, "johnson": JohnsonSettings}
    names = ("max_steps", "batch_size", "image_size")
    defaults = {
        recipe: {name: model.model_fields[name].default for name in names}
        for recipe, model in settings.items()
    }
    return render_template("training.html", defaults=defaults)


@blueprint.get("/admin")
def admin() -> str:
    """The operators' page: queues, workers, failed jobs."""
    return render_template("admin.html", kinds=list(KINDS), statuses=list(JobStatus), me=caller().owner)
