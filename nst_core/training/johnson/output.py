"""What a training of one style leaves: sample pictures, figures, and the finished network."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from nst_core.images.picture import Picture, encode_picture, resize_picture, to_pixels
from nst_core.networks.files import save_network
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.training.health import Watch
from nst_core.training.johnson.state import TrainingState
from nst_core.training.photo_crops import PhotoCrops

#: Photographs on a sample, side by side.
_ON_SAMPLE = 3
_THUMBNAIL = 128


@torch.no_grad()
def write_sample(path: Path, network: JohnsonNetwork, crops: PhotoCrops) -> None:
    """The same few photographs as `network` paints them, side by side, as JPEG. Raises `OSError`."""
    device = next(network.parameters()).device
    batch = torch.cat([crops[step] for step in range(-(-_ON_SAMPLE // crops.batch))])[:_ON_SAMPLE]
    painted = [network(each[None].to(device).float().div_(255)) for each in batch]
    pixels = np.concatenate([to_pixels(each.float()) for each in painted], axis=1)
    _write(path, encode_picture(Picture(pixels), "jpeg", 90))


def figures_of(watch: Watch, state: TrainingState, seconds: float) -> dict[str, float | int]:
    """Of the last steps. `style_left` is the style loss as a share of the untouched photographs',
    `content_change` the content loss as a share of that between two photographs.
    """
    smooth, yard = watch.smooth, watch.yardsticks
    figures: dict[str, float | int] = {
        "steps": state.step,
        "seconds": round(seconds, 1),
        "style_weight": float(f"{state.style_weight:.4g}"),
    }
    if smooth:
        figures["content_loss"] = round(smooth["content"], 5)
        figures["style_loss"] = float(f"{smooth['style']:.5g}")
        figures["content_change"] = round(smooth["content"] / max(yard.unlike, 1e-9), 4)
        figures["style_left"] = round(smooth["style"] / max(yard.unstyled, 1e-12), 4)
    return figures


def save_final(
    state: TrainingState,
    path: Path,
    style: Picture,
    style_name: str,
    figures: Mapping[str, float | int],
) -> None:
    """The averaged weights, with how they came about and a small picture of the style."""
    small = resize_picture(style, _THUMBNAIL)
    thumbnail = encode_picture(Picture(small.pixels), "jpeg", 80)
    save_network(
        state.result(),
        path,
        training={"kind": "johnson", **asdict(state.config)},
        style={"name": style_name, "thumbnail": base64.b64encode(thumbnail).decode()},
        figures=dict(figures),
        steps=state.step,
    )


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
