"""Output files of a training of one style: sample pictures and the network file with its metrics."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from imaging.atomic_write import atomic_write
from nst_core.images.picture import Picture, encode_picture, resize_picture, to_pixels
from nst_core.networks.files import save_network
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.training.health import HealthMonitor
from nst_core.training.johnson.state import TrainingState
from nst_core.training.photo_crops import PhotoCrops

#: Photographs on a sample picture, side by side.
_PHOTOS_ON_SAMPLE = 3
_THUMBNAIL_SIDE = 128


@torch.no_grad()
def write_sample(path: Path, network: JohnsonNetwork, crops: PhotoCrops) -> None:
    """Render the first few photographs with `network`, side by side, to a JPEG. Raises `OSError`."""
    device = next(network.parameters()).device
    batch = torch.cat([crops[step] for step in range(-(-_PHOTOS_ON_SAMPLE // crops.batch))])[
        :_PHOTOS_ON_SAMPLE
    ]
    rendered = [network(each[None].to(device).float().div_(255)) for each in batch]
    pixels = np.concatenate([to_pixels(each.float()) for each in rendered], axis=1)
    with atomic_write(path) as file:
        file.write(encode_picture(Picture(pixels), "jpeg", 90))


def metrics_of(health: HealthMonitor, state: TrainingState, seconds: float) -> dict[str, float | int]:
    """Metrics of the network, from the smoothed losses of the last steps.

    `style_left` is the style loss relative to that of plain photographs, `content_change` the content
    loss relative to that between two photographs.
    """
    smooth, reference = health.smooth, health.reference
    figures: dict[str, float | int] = {
        "steps": state.step,
        "seconds": round(seconds, 1),
        "style_weight": float(f"{state.style_weight:.4g}"),
    }
    if smooth:
        figures["content_loss"] = round(smooth["content"], 5)
        figures["style_loss"] = float(f"{smooth['style']:.5g}")
        figures["content_change"] = round(smooth["content"] / max(reference.content, 1e-9), 4)
        figures["style_left"] = round(smooth["style"] / max(reference.style, 1e-12), 4)
    return figures


def save_final(
    state: TrainingState,
    path: Path,
    style: Picture,
    style_name: str,
    figures: Mapping[str, float | int],
) -> None:
    """Write the averaged weights with the settings, the metrics and a thumbnail of the style."""
    small = resize_picture(style, _THUMBNAIL_SIDE)
    thumbnail = encode_picture(Picture(small.pixels), "jpeg", 80)
    save_network(
        state.result(),
        path,
        training={"kind": "johnson", **state.config.model_dump(mode="json")},
        style={"name": style_name, "thumbnail": base64.b64encode(thumbnail).decode()},
        figures=dict(figures),
        steps=state.step,
    )
