"""Scores of the bundled tuned networks beside slim, on photographs that none of them was trained on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from imaging.gallery_styles import gallery_styles
from nst_core.evaluation.evaluate import Pair, Stylize, evaluate, summarize
from nst_core.evaluation.quality import Judge
from nst_core.stylize.engine import Engine
from nst_core.stylize.open_engine import open_engine
from nst_core.training.data import image_paths
from params.tuned_networks import tuned_networks

#: Scores that are shown, and their decimals.
SHOWN = {"content": 2, "style": 3, "gram": 3}


def tuned_scores(
    photos: Sequence[Path], names: Sequence[str], *, size: int = 512, peer: str = "slim"
) -> Iterator[list[str]]:
    """For each tuned network: its style, then each score of `peer` and of the network, as text.

    `peer` is a network of any style. The last column is the share of the Gram distances.
    """
    judge, slim = Judge(style_size=384), open_engine(peer)
    for name in names:
        style = name.removeprefix("tuned-")
        painters: dict[str, Stylize] = {
            "slim": lambda photo, style: slim.stylize(photo, slim.style_statistics(style), alpha=1.0),
            "tuned": _painter(open_engine(name)),
        }
        found: dict[str, list[Pair]] = {method: [] for method in painters}
        paths = [gallery_styles()[style].path]
        for method, pair in evaluate(painters, photos, paths, judge, size=size):
            found[method].append(pair)
        slims, own = summarize(found["slim"]), summarize(found["tuned"])
        columns = (f"{slims[key]:.{digits}f} → {own[key]:.{digits}f}" for key, digits in SHOWN.items())
        yield [style, *columns, f"{own['gram'] / slims['gram']:.2f}"]


def _painter(engine: Engine) -> Stylize:
    return lambda photo, style: engine.stylize(photo, alpha=1.0)


def main() -> None:
    """Print a table: `python -m bench.networks.tuned_scores PHOTOS`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("photos", type=Path, help="folder of photographs")
    parser.add_argument("--count", type=int, default=4, help="photographs at most")
    parser.add_argument("--peer", default="slim", help="slim, full or a network file of any style")
    arguments = parser.parse_args()
    photos = image_paths(arguments.photos)[: arguments.count]
    print(f"| style | {' | '.join(SHOWN)} | share |\n|{'---|' * (2 + len(SHOWN))}")  # noqa: T201
    for row in tuned_scores(photos, sorted(tuned_networks()), peer=arguments.peer):
        print(f"| {' | '.join(row)} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
