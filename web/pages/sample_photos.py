"""`/samples`: sample photographs from the package scikit-image, where that is installed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, abort, request, send_file
from PIL import Image

blueprint = Blueprint("samples", __name__, url_prefix="/samples")

#: Long side of a thumbnail in pixels.
THUMBNAIL_SIDE = 192
#: Name → file of `skimage.data`, title, and the style of the gallery that it is shown painted in. All
#: photographs are in the public domain or free to use. `gallery/examples.py` paints them.
PHOTOS = {
    "chelsea": ("chelsea.png", "A cat", "night-oils"),
    "astronaut": ("astronaut.png", "An astronaut", "wet-petals"),
    "coffee": ("coffee.png", "A cup of coffee", "tesserae"),
    "rocket": ("rocket.jpg", "A rocket at dawn", "light-trails"),
}


@dataclass(frozen=True)
class Sample:
    """A sample photograph: `name` in the address, `title` for people, `style` that suits it, `path`."""

    name: str
    title: str
    style: str
    path: Path


@lru_cache(maxsize=1)
def all_samples() -> tuple[Sample, ...]:
    """The installed sample photographs; none where the package is missing."""
    found = find_spec("skimage")
    if found is None or found.origin is None:
        return ()
    folder = Path(found.origin).parent / "data"
    samples = (
        Sample(name, title, style, folder / file) for name, (file, title, style) in PHOTOS.items()
    )
    return tuple(sample for sample in samples if sample.path.is_file())


@blueprint.get("/<photo>")
def photo(photo: str) -> Response:
    """A sample photograph; with `?thumbnail`, a small WebP of it."""
    sample = next((each for each in all_samples() if each.name == photo), None)
    if sample is None:
        abort(404)
    if "thumbnail" in request.args:
        response = send_file(io.BytesIO(_thumbnail(sample.path)), mimetype="image/webp")
    else:
        response = send_file(sample.path)
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@lru_cache(maxsize=16)
def _thumbnail(path: Path) -> bytes:
    with Image.open(path) as picture:
        small = picture.convert("RGB")
        small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "WEBP", quality=80)
    return out.getvalue()
