"""Output files of a tuning: sample pictures, and the tuned network with its style."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imaging.atomic_write import atomic_write
from nst_core.images.picture import Picture, encode_picture, resize_picture, to_pixels, to_tensor
from nst_core.networks.files import save_network
from nst_core.networks.quantization import Ranges, calibrate
from nst_core.networks.slim import SlimAdaIN
from nst_core.stylize.grain import Grain
from nst_core.training.photo_crops import PhotoCrops
from nst_core.training.tune.state import TuneState

#: Photographs on a sample picture, side by side.
_PHOTOS_ON_SAMPLE = 3
#: Batches of photographs that the int8 ranges are taken from.
_CALIBRATION_BATCHES = 6
_THUMBNAIL_SIDE = 128


@torch.no_grad()
def write_sample(path: Path, network: SlimAdaIN, statistics: Tensor, crops: PhotoCrops) -> None:
    """Render the first photographs with `network`, side by side, to a JPEG. Raises `OSError`."""
    painted = []
    for content in _contents(network, crops, -(-_PHOTOS_ON_SAMPLE // crops.batch)):
        features = network.encode(content.to(statistics.device))
        mine = network.statistics(features)
        painted.append(to_pixels(network.decode(features, mine, statistics).cpu()))
    pixels = np.concatenate(painted[:_PHOTOS_ON_SAMPLE], axis=1)
    with atomic_write(path) as file:
        file.write(encode_picture(Picture(pixels), "jpeg", 90))


def save_tuned(
    state: TuneState,
    path: Path,
    style: Picture,
    style_name: str,
    statistics: Tensor,
    crops: PhotoCrops,
    figures: Mapping[str, float | int],
) -> None:
    """Write the network in half precision, its int8 ranges, and the style. Raises `OSError`.

    `statistics` (1, S) are those of `style`, whose thumbnail is kept.
    """
    network = state.network
    small = resize_picture(style, _THUMBNAIL_SIDE)
    thumbnail = encode_picture(Picture(small.pixels), "jpeg", 80)
    save_network(
        network,
        path,
        half=True,
        noise=network.noise,
        int8=int8_ranges(network, style, crops),
        training={"kind": "tune", **state.config.model_dump(mode="json")},
        style={
            "name": style_name,
            "thumbnail": base64.b64encode(thumbnail).decode(),
            "statistics": statistics[0].tolist(),
        },
        figures=dict(figures),
        steps=state.step,
    )


def int8_ranges(network: SlimAdaIN, style: Picture, crops: PhotoCrops) -> Ranges:
    """The int8 ranges of a tuned `network`, measured on photographs with the noise of a render."""
    height, width = (side // 8 * 8 for side in style.pixels.shape[:2])
    painting = to_tensor(style.pixels[:height, :width])
    contents = _contents(network, crops, _CALIBRATION_BATCHES)
    return calibrate(network, ((content, painting) for content in contents))


def _contents(network: SlimAdaIN, crops: PhotoCrops, batches: int) -> Iterator[Tensor]:
    """Photographs (1, 3, S, S) of the first batches, with the noise of a render."""
    from params.painting import PaintSettings

    grain = Grain.of(network, PaintSettings())
    for number in range(batches):
        for each in crops[number]:
            yield grain.added(each[None].float().div_(255))
