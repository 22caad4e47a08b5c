"""Study of training settings: short trainings that differ in one setting, as labelled sheets."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean

from PIL import Image, ImageDraw, ImageFont

from bench.networks.contact_sheet import GAP, square
from nst_core.evaluation.quality import Judge
from nst_core.images.picture import Picture, read_picture, resize_picture
from nst_core.stylize.one_style_engine import OneStyleEngine
from nst_core.training.config import digest
from nst_core.training.data import image_paths
from nst_core.training.events import Event
from nst_core.training.johnson.trainer import JohnsonTrainer
from nst_core.training.session import FINAL
from params.training import JohnsonTrainConfig

#: Sizes in pixels of a picture on a sheet, and of the label beside a row.
_SHOWN, _WORDS = 192, 190


@dataclass(frozen=True)
class Trial:
    """One value of a setting."""

    label: str
    config: JohnsonTrainConfig


@dataclass(frozen=True, kw_only=True)
class Result:
    """Rendered photos of a trial, with mean scores of `nst_core.evaluation.quality`."""

    label: str
    pictures: list[Picture]
    seconds: float
    content: float
    style: float
    ssim: float


def trials(base: JohnsonTrainConfig) -> dict[str, list[Trial]]:
    """For each setting, trainings that differ from `base` in it; `base` itself is one of each."""
    side, style, steps = base.image_size, base.style_side, base.max_steps

    def each(name: str, values: Mapping[str, object]) -> list[Trial]:
        return [Trial(label, base.model_copy(update={name: value})) for label, value in values.items()]

    def pixels(values: Sequence[int]) -> dict[str, object]:
        return {f"{value} px": value for value in values}

    return {
        "strength": each("strength", {"0.3": 0.3, "1": 1.0, "3": 3.0}),
        "style-size": each("style_size", pixels([max(16, style // 2), style, 2 * style])),
        "image-size": each("image_size", pixels([max(16, side * 2 // 3), side, side * 3 // 2])),
        "max-steps": each(
            "max_steps", {f"{n} steps": n for n in (max(1, steps // 4), steps, 3 * steps)}
        ),
        "tv-weight": each("tv_weight", {"1e-6": 1e-6, "1e-4": 1e-4, "1e-3": 1e-3}),
        "warm-start": each("warm_start", {"warm": True, "cold": False}),
    }


def compare(
    base: JohnsonTrainConfig,
    photographs: Sequence[Path],
    style: Path,
    out: Path,
    *,
    painted: int = 3,
    painted_size: int = 256,
    knobs: Sequence[str] | None = None,
    on_line: Callable[[str], None] = lambda line: None,
) -> dict[str, list[Result]]:
    """Train, render and score all trials; writes one PNG sheet for each setting to `out`.

    The first `painted` photographs are shown, with longer sides of `painted_size` pixels; scores resize
    the style's shorter side to the same length. Networks stay in `out/networks`, so that finished
    trainings are reused. Raises the errors of `JohnsonTrainer`.
    """
    judge = Judge(style_size=painted_size)
    known: dict[str, Result] = {}
    found: dict[str, list[Result]] = {}
    for knob, tried in trials(base).items():
        if knobs is not None and knob not in knobs:
            continue
        results = []
        for trial in tried:
            key = _key(trial.config)
            if key not in known:
                on_line(f"{knob} {trial.label}")
                path, seconds = _trained(trial.config, photographs, style, out / "networks" / key)
                known[key] = _measured(path, seconds, photographs[:painted], painted_size, style, judge)
            results.append(replace(known[key], label=trial.label))
        found[knob] = results
        _sheet(knob, results, photographs[:painted], style).save(out / f"{knob}.png")
    return found


def table(found: Mapping[str, Sequence[Result]]) -> str:
    """The scores as a Markdown table."""
    lines = ["| setting | value | content | style | ssim | seconds |", "|---|---|---|---|---|---|"]
    for knob, results in found.items():
        for number, result in enumerate(results):
            figures = f"{result.content:.2f} | {result.style:.2f} | {result.ssim:.2f}"
            name = f"`--{knob}`" if number == 0 else ""
            lines.append(f"| {name} | {result.label} | {figures} | {result.seconds:.0f} |")
    return "\n".join(lines)


def _key(config: JohnsonTrainConfig) -> str:
    return f"{digest(config)[:12]}-{config.max_steps}"


def _trained(
    config: JohnsonTrainConfig, photographs: Sequence[Path], style: Path, folder: Path
) -> tuple[Path, float]:
    """The trained network and the seconds of its training; reused from an earlier call."""
    path, record = folder / FINAL, folder / "seconds.json"
    if not record.exists():
        shutil.rmtree(folder, ignore_errors=True)
        ended: list[Event] = []
        trainer = JohnsonTrainer(config, photographs, style, folder, on_event=ended.append)
        outcome = trainer.run()
        if outcome not in ("finished", "converged"):
            raise RuntimeError(f"The training {outcome}: {ended[-1].as_json().get('message')}")
        record.write_text(json.dumps(ended[-1].as_json()["figures"]["seconds"]))
    return path, float(json.loads(record.read_text()))


def _measured(
    path: Path,
    seconds: float,
    photographs: Sequence[Path],
    size: int,
    style: Path,
    judge: Judge,
) -> Result:
    engine = OneStyleEngine(path)
    target = judge.style_target(read_picture(style))
    pictures, figures = [], []
    for photograph in photographs:
        content = resize_picture(read_picture(photograph), size)
        picture = engine.stylize(content)
        measured = judge.content_target(content, picture.width, picture.height)
        pictures.append(picture)
        figures.append(asdict(judge.figures(picture, measured, target)))
    means = {name: mean(each[name] for each in figures) for name in ("content", "style", "ssim")}
    return Result(label="", pictures=pictures, seconds=seconds, **means)


def _sheet(
    knob: str, results: Sequence[Result], photographs: Sequence[Path], style: Path
) -> Image.Image:
    """A sheet: style and photos on top, then a row for each value, with its scores beside it."""
    step = _SHOWN + GAP
    width = _WORDS + step * len(photographs)
    sheet = Image.new("RGB", (width, step * (1 + len(results))), "white")
    draw = ImageDraw.Draw(sheet)
    sheet.paste(_shown(read_picture(style), _WORDS - 2 * GAP), (GAP, GAP))
    for column, photograph in enumerate(photographs):
        sheet.paste(
            _shown(read_picture(photograph), _SHOWN),
            (_WORDS + column * step, GAP),
        )
    for row, result in enumerate(results, 1):
        words = f"content {result.content:.2f}\nstyle {result.style:.2f}\nssim {result.ssim:.2f}"
        draw.text((GAP, row * step + 40), f"--{knob}", "black", ImageFont.load_default(17))
        draw.text((GAP, row * step + 62), result.label, "black", ImageFont.load_default(24))
        draw.text((GAP, row * step + 100), words, "black", ImageFont.load_default(15))
        for column, picture in enumerate(result.pictures):
            sheet.paste(
                _shown(picture, _SHOWN),
                (_WORDS + column * step, row * step + GAP),
            )
    return sheet


def _shown(picture: Picture, side: int) -> Image.Image:
    return Image.fromarray(square(picture, side).pixels)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write sheets and a table: `python -m bench.networks.training_settings PHOTOS STYLE -o FOLDER`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("photographs", type=Path, help="folder of photographs to learn and to show")
    parser.add_argument("style", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--painted", type=int, default=3, help="photographs on a sheet")
    parser.add_argument("--painted-size", type=int, default=256, help="their longer side")
    parser.add_argument("--knobs", help="some of them, separated by commas; all if left out")
    given = parser.parse_args(arguments)
    base = JohnsonTrainConfig(
        max_steps=given.steps,
        image_size=given.image_size,
        style_size=2 * given.image_size,
        batch_size=given.batch_size,
        early_stop=False,
        log_interval=max(1, given.steps // 4),
    )
    given.out.mkdir(parents=True, exist_ok=True)
    found = compare(
        base,
        image_paths(given.photographs),
        given.style,
        given.out,
        painted=given.painted,
        painted_size=given.painted_size,
        knobs=given.knobs.split(",") if given.knobs else None,
        on_line=print,
    )
    (given.out / "figures.md").write_text(table(found) + "\n")
    print(table(found))  # noqa: T201


if __name__ == "__main__":
    main()
