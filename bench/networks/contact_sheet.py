"""Contact sheet: contents × styles, for all networks side by side, for judgement by eye."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from nst_core.images.picture import Picture, read_picture, resize_exactly
from nst_core.networks.registry import NetworkError, check_precision, open_network
from nst_core.stylize.style_engine import StyleEngine
from nst_core.training.data import image_paths
from params.tuned_networks import AUTO, network_tuned_to

#: Pixels between pictures.
GAP = 6


def contact_sheet(
    contents: Sequence[Picture],
    styles: Sequence[Path],
    networks: Sequence[str],
    *,
    size: int = 512,
    shown: int = 192,
    on_picture: Callable[[int, int], None] = lambda done, total: None,
) -> Image.Image:
    """One row for each style, and in it, for each content, one column for each network.

    Everything is rendered at full strength, `size` pixels square, and shown at `shown`. Names of
    networks are those of `open_network`, with ":int8" for that precision; "auto" is the bundled network
    tuned to the style, or slim. Raises `NetworkError` or `PictureError`.
    """
    engines = {name: _engine(name) for name in networks if name != AUTO}
    columns = [square(content, size) for content in contents]
    step = shown + GAP
    width = step * (1 + len(columns) * len(networks)) + GAP * len(columns)
    sheet = Image.new("RGB", (width, step * (1 + len(styles))), "white")
    total = len(styles) * len(columns) * len(networks)
    for index, content in enumerate(columns):
        sheet.paste(_shown(content, shown), (step + index * (step * len(networks) + GAP), 0))
    done = 0
    for row, path in enumerate(styles, 1):
        style = read_picture(path)
        sheet.paste(_shown(square(style, size), shown), (0, row * step))
        for number, name in enumerate(networks):
            engine = engines[name] if name in engines else _engine(_tuned_or_slim(path))
            statistics = None if engine.fixed_style else engine.style_statistics(style)
            for index, content in enumerate(columns):
                output = engine.stylize(content, statistics, alpha=1.0)
                left = step + index * (step * len(networks) + GAP) + number * step
                sheet.paste(_shown(output, shown), (left, row * step))
                done += 1
                on_picture(done, total)
    return sheet


def _engine(named: str) -> StyleEngine:
    name, _, precision = named.partition(":")
    return StyleEngine(open_network(name, check_precision(precision or "fp32")))


def _tuned_or_slim(style: Path) -> str:
    return network_tuned_to(hashlib.sha256(style.read_bytes()).hexdigest()) or "slim"


def square(picture: Picture, size: int) -> Picture:
    """The central square of a picture, resized to `size` pixels."""
    side = min(picture.width, picture.height)
    top, left = (picture.height - side) // 2, (picture.width - side) // 2
    middle = np.ascontiguousarray(picture.pixels[top : top + side, left : left + side])
    return resize_exactly(Picture(middle, None, picture.format), size, size)


def _shown(picture: Picture, side: int) -> Image.Image:
    return Image.fromarray(resize_exactly(picture, side, side).pixels)


def main() -> None:
    """Write a sheet: `python -m bench.networks.contact_sheet CONTENTS STYLES -o FILE`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("contents", type=Path, help="folder of photographs")
    parser.add_argument("styles", type=Path, help="folder of styles")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--networks", default="slim,slim:int8,full,auto")
    parser.add_argument("--rows", type=int, default=8, help="styles at most")
    parser.add_argument("--columns", type=int, default=6, help="contents at most")
    arguments = parser.parse_args()
    contents = [read_picture(path) for path in image_paths(arguments.contents)[: arguments.columns]]
    styles = image_paths(arguments.styles)[: arguments.rows]
    try:
        sheet = contact_sheet(contents, styles, arguments.networks.split(","))
    except NetworkError as error:
        sys.exit(str(error))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(arguments.out)
    print(f"{arguments.out}: {len(contents)} contents × {len(styles)} styles")  # noqa: T201


if __name__ == "__main__":
    main()
