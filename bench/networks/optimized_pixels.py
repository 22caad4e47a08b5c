"""Scores of pixels that are optimised for the losses of a tuning, beside those of networks.

No network can be expected to do better on these losses: each picture is optimised by itself, as Gatys
et al. do ("Image Style Transfer Using Convolutional Neural Networks", CVPR 2016), in hundreds of steps.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from nst_core.evaluation.evaluate import FIGURES, Pair, Stylize, evaluate, summarize
from nst_core.evaluation.quality import Judge
from nst_core.images.picture import Picture, to_pixels, to_tensor
from nst_core.stylize.open_engine import open_engine
from nst_core.training.data import image_paths
from nst_core.training.johnson.style import style_picture
from nst_core.training.tune.objective import CONTENT_WEIGHTS, TuneObjective

#: Shorter side of the style in pixels, as in a tuning.
STYLE_SIZE = 384
#: Learning rate of Adam, where colours go from 0 to 1.
RATE = 0.02


def optimized(content: Picture, style: Picture, steps: int) -> Picture:
    """`content` in `style` after `steps` steps of Adam on its pixels, at the size of `content`."""
    painting = to_tensor(style_picture(style, STYLE_SIZE).pixels)
    objective = TuneObjective(painting, CONTENT_WEIGHTS["subtle"], "cpu")
    start = to_tensor(content.pixels)
    structure = objective.structure(start)
    pixels = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([pixels], lr=RATE)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, 2 * (steps - step) / steps)
        optimizer.zero_grad()
        objective(pixels, structure).total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return Picture(to_pixels(pixels.detach()))


def scores(
    photos: Sequence[Path], style: Path, networks: Sequence[str], *, size: int, steps: int
) -> Iterator[tuple[str, dict[str, float | int]]]:
    """The mean scores of each network, by its name, and of optimised pixels (Adam)."""
    painters = {name: _painter(name) for name in networks}
    painters[f"pixels, {steps} steps"] = lambda photo, style: optimized(photo, style, steps)
    found: dict[str, list[Pair]] = {name: [] for name in painters}
    for name, pair in evaluate(painters, photos, [style], Judge(style_size=STYLE_SIZE), size=size):
        found[name].append(pair)
    for name, pairs in found.items():
        yield name, summarize(pairs)


def _painter(network: str) -> Stylize:
    engine = open_engine(network)

    def painted(photo: Picture, style: Picture) -> Picture:
        statistics = None if engine.fixed_style else engine.style_statistics(style, STYLE_SIZE)
        return engine.stylize(photo, statistics, alpha=1.0)

    return painted


def main() -> None:
    """Print a table: `python -m bench.networks.optimized_pixels PHOTOS STYLE`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("photos", type=Path, help="folder of photographs")
    parser.add_argument("style", type=Path, help="file of the painting")
    parser.add_argument("--networks", default="slim,full", help="names or files, with commas between")
    parser.add_argument("--count", type=int, default=2, help="photographs at most")
    parser.add_argument("--size", type=int, default=256, help="longer side in pixels")
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    photos = image_paths(arguments.photos)[: arguments.count]
    print(f"| output | {' | '.join(FIGURES)} |\n|{'---|' * (1 + len(FIGURES))}")  # noqa: T201
    networks = arguments.networks.split(",")
    rows = scores(photos, arguments.style, networks, size=arguments.size, steps=arguments.steps)
    for name, row in rows:
        print(f"| {name} | {' | '.join(f'{row[key]:.3f}' for key in FIGURES)} |")  # noqa: T201


if __name__ == "__main__":
    main()
