"""Evaluation of methods: scores for every content in every style."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import mean, median_low

from nst_core.evaluation.quality import Figures, Judge
from nst_core.images.picture import Picture, read_picture, resize_picture

#: A style transfer method: content (at its final size) and style → stylised picture.
Stylize = Callable[[Picture, Picture], Picture]


#: Names of the scores, in the order of a table's columns.
FIGURES = tuple(field.name for field in fields(Figures))


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The scores of one content in one style."""

    content: str
    style: str
    figures: Figures


def evaluate(
    methods: dict[str, Stylize],
    contents: Sequence[Path],
    styles: Sequence[Path],
    judge: Judge,
    *,
    size: int = 512,
) -> Iterator[tuple[str, Pair]]:
    """Yield (method, pair) as they are scored; contents have a longer side of `size` pixels."""
    measured = []
    for path in styles:
        style = read_picture(path)
        measured.append((path.stem, style, judge.style_target(style)))
    for path in contents:
        content = resize_picture(read_picture(path, target_long_side=size), size)
        structure = judge.content_target(content, content.width, content.height)
        for name, style, target in measured:
            for method, stylize in methods.items():
                figures = judge.figures(stylize(content, style), structure, target)
                yield method, Pair(content=path.stem, style=name, figures=figures)


def summarize(pairs: Sequence[Pair]) -> dict[str, float | int]:
    """Means and medians of the scores, to four places, and the number of pairs."""
    columns = [asdict(pair.figures) for pair in pairs]
    summary: dict[str, float | int] = {"pairs": len(pairs)}
    for name in FIGURES:
        values = [column[name] for column in columns]
        summary[name] = round(mean(values), 4)
        summary[f"{name}_median"] = round(median_low(values), 4)
    return summary
