"""Moves the weights of a tuned network towards slim, or further away from it, without a training.

A share below 1 keeps more of the photograph, a share above 1 takes more of the style: the weights of
networks that were trained from the same start can be interpolated and extrapolated (Wortsman et al.,
"Robust fine-tuning of zero-shot models", CVPR 2022).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from imaging.gallery_styles import gallery_styles
from nst_core.errors import NstError
from nst_core.images.picture import Picture, read_picture
from nst_core.networks.files import read_metadata, save_network
from nst_core.networks.registry import load_network, open_network
from nst_core.networks.slim import SlimAdaIN
from nst_core.training.data import image_paths
from nst_core.training.johnson.style import style_picture
from nst_core.training.photo_crops import PhotoCrops
from nst_core.training.tune.output import int8_ranges


def blend(
    source: Path,
    style: Picture,
    photos: Sequence[Path],
    out: Path,
    *,
    share: float,
    noise: float | None = None,
    start: str | Path = "slim",
) -> None:
    """Write `start` + `share` × (`source` - `start`) to `out`, with int8 ranges measured on `photos`.

    `source` is a network that was tuned from `start` to `style`. `noise` is the deviation of its noise
    at texture 1, where colours go from 0 to 1; None leaves it as it is. Raises `NstError`, `OSError`.
    """
    network, origin = load_network(source), open_network(start)
    if not isinstance(network, SlimAdaIN) or network.tuned_style is None:
        raise NstError(f"{source} is not a tuned network; make it with atelier tune.")
    if network.settings != origin.settings:
        raise NstError(f"{source} was tuned from another network than {start}; name that with --start.")
    first = origin.state_dict()
    network.load_state_dict(
        {name: first[name].lerp(value, share) for name, value in network.state_dict().items()}
    )
    described = read_metadata(source)
    if noise is not None:
        network.noise = noise
    crops = PhotoCrops(photos, 160, 3, seed=0, cache_mb=100, margin=1.8)
    size = int(described["training"]["style_size"])
    described |= {
        "noise": network.noise,
        "int8": int8_ranges(network, style_picture(style, size), crops),
        "blend": {"share": share},
    }
    for name in ("format", "architecture", "settings"):
        described.pop(name)
    save_network(network, out, half=True, **described)


def main() -> None:
    """Blend one network: `python -m bench.networks.blend_tuned SOURCE STYLE PHOTOS -o FILE`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("source", type=Path, help="file of a network tuned from slim")
    parser.add_argument("style", help="name of its style in the gallery")
    parser.add_argument("photos", type=Path, help="folder of photographs for the int8 ranges")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0, help="0 is slim, 1 the tuned network")
    parser.add_argument("--start", default="slim", help="network that SOURCE was tuned from")
    parser.add_argument("--noise", type=float, help="deviation of the noise at texture 1")
    arguments = parser.parse_args()
    blend(
        arguments.source,
        read_picture(gallery_styles()[arguments.style].path),
        image_paths(arguments.photos),
        arguments.out,
        share=arguments.share,
        noise=arguments.noise,
        start=arguments.start,
    )


if __name__ == "__main__":
    main()
