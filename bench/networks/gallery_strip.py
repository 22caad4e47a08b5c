"""A photograph beside paintings of it in styles of the gallery, in one row, as at the top of README."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from bench.networks.contact_sheet import GAP, square
from imaging.gallery_styles import gallery_styles
from nst_core.commands.network_choice import choose_network
from nst_core.images.picture import Picture, read_picture, resize_exactly
from nst_core.stylize.open_engine import open_engine


def gallery_strip(photo: Picture, styles: Sequence[Path], *, size: int, shown: int) -> Image.Image:
    """The central square of `photo`, then a painting of it for each style at full strength.

    Each is rendered `size` pixels square by the network that `atelier stylize` takes for the style, and
    shown at `shown` pixels.
    """
    content = square(photo, size)
    pictures = [content]
    for path in styles:
        engine = open_engine(choose_network("auto", [path]), "auto", "cpu")
        style = None if engine.fixed_style else engine.style_statistics(read_picture(path))
        pictures.append(engine.stylize(content, style, alpha=1.0))
    step = shown + GAP
    strip = Image.new("RGB", (step * len(pictures) - GAP, shown), "white")
    for number, picture in enumerate(pictures):
        strip.paste(Image.fromarray(resize_exactly(picture, shown, shown).pixels), (number * step, 0))
    return strip


def main() -> None:
    """Write a strip: `python -m bench.networks.gallery_strip PHOTO STYLE… -o FILE`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("styles", nargs="+", choices=list(gallery_styles()), metavar="STYLE")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=512, help="pixels of a rendering")
    parser.add_argument("--shown", type=int, default=256, help="pixels of a picture in the strip")
    arguments = parser.parse_args()
    paths = [gallery_styles()[name].path for name in arguments.styles]
    strip = gallery_strip(
        read_picture(arguments.photo), paths, size=arguments.size, shown=arguments.shown
    )
    strip.save(arguments.out, quality=85, method=6)


if __name__ == "__main__":
    main()
