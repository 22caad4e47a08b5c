"""Export of a network to a file for another runtime, compared with the original before it is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nst_core.export.formats import FORMATS, ExportError, Format
from nst_core.export.modules import Exportable, open_exportable
from nst_core.export.run import Arrays, Run
from nst_core.images.picture import Picture, resize_exactly, to_tensor
from nst_core.networks.registry import Precision

#: Sizes of the test pictures in strides: width, height.
_SIZES = ((16, 16), (40, 23), (9, 33), (64, 48))
_ALPHAS = (1.0, 0.8, 0.3, 0.0)
#: Largest accepted difference in single precision: in levels of 255, and relative for statistics.
_MOST_LEVELS = 1.0
_MOST_STATISTICS = 2e-3
#: Smallest accepted PSNR of int8 in dB: other runtimes round values half-way differently.
_LEAST_PSNR = 32.0


@dataclass(frozen=True, kw_only=True)
class ParityRow:
    """One picture: the file against the network in PyTorch, in levels of 255."""

    width: int
    height: int
    alpha: float
    most: float
    mean: float
    psnr: float
    statistics: float


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """The written file and its differences from the original."""

    path: str
    format: str
    architecture: str
    precision: str
    bytes: int
    rows: list[ParityRow]

    @property
    def passes(self) -> bool:
        """Whether all differences are accepted."""
        if self.precision == "int8":
            return min(row.psnr for row in self.rows) >= _LEAST_PSNR
        return all(row.most <= _MOST_LEVELS and row.statistics <= _MOST_STATISTICS for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON."""
        return {**asdict(self), "passes": self.passes}

    def as_text(self) -> str:
        """The report as a plain-text table."""
        lines = [f"{'size':>11} {'alpha':>5} {'most':>8} {'mean':>8} {'PSNR':>7}  in levels of 255"]
        for row in self.rows:
            size = f"{row.width}×{row.height}"
            lines.append(f"{size:>11} {row.alpha:5.1f} {row.most:8.4f} {row.mean:8.5f} {row.psnr:7.1f}")
        return "\n".join(lines)


def export_network(
    network: str | Path,
    format: str,
    target: Path,
    pictures: Sequence[Picture],
    *,
    precision: Precision = "fp32",
    on_step: Callable[[str], None] | None = None,
) -> ExportReport:
    """Write `network` to `target` in `format`, checked on `pictures` (two at least).

    A package of Core ML is a folder; all other formats are files.

    The file appears only if its outputs equal those of the network in PyTorch, at several sizes and
    strengths. Raises `ExportError` with the report in its text if it does not, `NetworkError`,
    `CheckpointError`.
    """
    notify = on_step or (lambda step: None)
    chosen = _format(format, target, precision)
    if len(pictures) < 2:
        raise ExportError("An export is checked on two pictures at least.")
    exportable = replace(
        open_exportable(network, "fp32" if chosen.rounds else precision), precision=precision
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".atelier-") as folder:
        made = Path(folder) / target.name
        notify(f"writing {chosen.name}")
        chosen.write(exportable, made)
        notify("checking it against PyTorch")
        rows = compare_export(exportable, chosen.load(made), pictures)
        files = chosen.files(made)
        report = ExportReport(
            path=str(target),
            format=chosen.name,
            architecture=exportable.architecture,
            precision=precision,
            bytes=sum(file.stat().st_size for path in files for file in files_in(path)),
            rows=rows,
        )
        if not report.passes:
            raise ExportError(
                f"The {chosen.name} file differs from the network and was not kept:\n{report.as_text()}"
            )
        # The weights before the description that refers to them.
        for file, place in reversed(list(zip(files, chosen.files(target), strict=True))):
            if place.is_dir():
                place.replace(Path(folder) / "replaced")
            file.replace(place)
    return report


def files_in(path: Path) -> list[Path]:
    """The files of a folder at any depth, sorted; `path` itself if it is a file."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _format(name: str, target: Path, precision: Precision) -> Format:
    if name not in FORMATS:
        raise ExportError(f"There is no export format {name!r}; there are {', '.join(FORMATS)}.")
    chosen = FORMATS[name]
    if target.suffix != chosen.suffix:
        raise ExportError(f"A file for {name} ends in {chosen.suffix}; got {target.name}.")
    if precision == "int8" and not chosen.has_int8:
        able = ", ".join(format.name for format in FORMATS.values() if format.has_int8)
        raise ExportError(
            f"{name} has no int8: it would round to 256 levels and then compute in floats. "
            f"int8 is for {able}."
        )
    chosen.check_packages()
    return chosen


def compare_export(exportable: Exportable, run: Run, pictures: Sequence[Picture]) -> list[ParityRow]:
    """Compare the outputs of a file with those of the network in PyTorch, picture by picture."""
    rows = []
    stride = exportable.stride
    least = -(-exportable.minimum_side // stride)
    with torch.no_grad():
        style = _style(exportable, pictures[-1])
        for number, (columns, height_cells) in enumerate(_SIZES):
            width, height = max(columns, least) * stride, max(height_cells, least) * stride
            picture = resize_exactly(pictures[number % (len(pictures) - 1)], width, height)
            alpha = _ALPHAS[number] if "alpha" in exportable.module.inputs else 1.0
            image = to_tensor(picture.pixels)
            inputs = exportable.chosen(image=image, style=style, alpha=torch.tensor([[alpha]]))
            expected = exportable.module(*inputs)
            expected = expected if isinstance(expected, tuple) else (expected,)
            found = run([value.numpy() for value in inputs])
            rows.append(_row([value.numpy() for value in expected], found, width, height, alpha))
    return rows


def _style(exportable: Exportable, picture: Picture) -> torch.Tensor | None:
    """Style statistics of a picture, computed by the exported module itself."""
    if "style" not in exportable.module.inputs:
        return None
    side = 32 * exportable.stride
    image = to_tensor(resize_exactly(picture, side, side).pixels)
    blank = torch.zeros(1, exportable.statistics_width), torch.zeros(1, 1)
    statistics: torch.Tensor = exportable.module(image, *blank)[1]
    return statistics


def _row(expected: Arrays, found: Arrays, width: int, height: int, alpha: float) -> ParityRow:
    difference = np.abs(found[0] - expected[0]).astype(np.float64) * 255
    if not np.isfinite(difference).all():
        difference = np.full_like(difference, 255.0)
    rms = max(float(np.sqrt(np.square(difference).mean())), 1e-6)
    apart = 0.0
    if len(expected) > 1:
        scale = max(float(np.abs(expected[1]).max()), 1e-6)
        apart = float(np.abs(found[1] - expected[1]).max()) / scale
    return ParityRow(
        width=width,
        height=height,
        alpha=alpha,
        most=float(difference.max()),
        mean=float(difference.mean()),
        psnr=float(20 * np.log10(255 / rms)),
        statistics=apart,
    )
