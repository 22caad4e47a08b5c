"""Pictures to check and to measure with: drawn, since the machine with the card may hold no others."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nst_core.images.picture import Picture, resize_exactly, to_tensor
from nst_core.networks.base import StyleNetwork
from nst_core.networks.feed_forward import open_feed_forward
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.networks.registry import WEIGHTS, bundled_networks, open_network
from nst_core.training.drawn_photos import draw

#: The name that stands for the bundled base of trainings of one style, the only such network here.
JOHNSON = "johnson"


def drawn_picture(side: int, number: int = 0) -> Picture:
    """A square picture with edges and textures as photographs have; another one for each `number`."""
    return resize_exactly(_drawn_square(number), side, side)


@cache
def _drawn_square(number: int) -> Picture:
    pixels = draw(np.random.default_rng(number))
    return Picture(np.ascontiguousarray(pixels[:, : pixels.shape[0]]))


def drawn_images(count: int, side: int) -> Tensor:
    """The first drawn pictures, (count, 3, side, side) in [0, 1]."""
    different = [to_tensor(drawn_picture(side, number).pixels) for number in range(min(count, 4))]
    return torch.cat([different[number % len(different)] for number in range(count)])


def network_names(*, all_tuned: bool = True) -> list[str]:
    """The bundled networks; with `all_tuned` those that are tuned to a style too, else one of them."""
    bundled = list(bundled_networks())
    tuned = [name for name in bundled if name.startswith("tuned-")]
    rest = [name for name in bundled if name not in tuned]
    return [*rest, JOHNSON, *(tuned if all_tuned else tuned[:1])]


def open_by_name(name: str) -> StyleNetwork | JohnsonNetwork:
    """A new copy of a network of `network_names`, on the CPU."""
    if name == JOHNSON:
        return open_feed_forward(WEIGHTS / "johnson_base.safetensors")
    return open_network(name)


def gallery_styles() -> list[Path]:
    """The paintings of the gallery."""
    return sorted((Path(__file__).parents[2] / "jobs" / "gallery").glob("*.webp"))
