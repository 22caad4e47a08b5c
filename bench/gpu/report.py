"""The report of a check of a device: one JSON document and one Markdown page."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.gpu.clock import is_cuda
from bench.gpu.device_checks import Outcome
from bench.gpu.parity import Parity
from bench.gpu.reference import CARD, DIFFERENCES, RENDERS, TRAININGS
from bench.gpu.render_times import MEASUREMENTS, Figure, Sizes
from bench.gpu.trainings import Training
from imaging.atomic_write import atomic_write


@dataclass
class Report:
    """What was measured. `errors` has one line for each part that could not be finished."""

    device: str
    sizes: Sizes
    checks: list[Outcome] = field(default_factory=list)
    parity: list[Parity] = field(default_factory=list)
    renders: list[Figure] = field(default_factory=list)
    trainings: list[Training] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every part ran to its end and found nothing wrong."""
        checks, parity = (one.ok for one in self.checks), (one.ok for one in self.parity)
        return not self.errors and all(checks) and all(parity)

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return {"ok": self.ok, "machine": machine(self.device), **asdict(self)}

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write `gpu.json` and `gpu.md` into `folder`; returns their paths. Raises `OSError`."""
        paths = folder / "gpu.json", folder / "gpu.md"
        texts = json.dumps(self.as_json(), indent=1) + "\n", "\n".join(self._lines()) + "\n"
        for path, text in zip(paths, texts, strict=True):
            with atomic_write(path) as file:
                file.write(text.encode())
        return paths

    def _lines(self) -> Iterator[str]:
        facts = machine(self.device)
        yield f"{facts['name']}, torch {facts['torch']}, Python {facts['python']}."
        yield f"Before: {CARD}. Pictures have {self.sizes.side} pixels, batches {self.sizes.batch}."
        yield from ("", "| measurement | network | before | now |", "|---|---|---|---|")
        for figure in self.renders:
            text, unit = MEASUREMENTS[figure.measurement]
            before = RENDERS.get(figure.measurement, {}).get(figure.network)
            now = f"{_number(figure.value)} {unit}{self._pace(figure)}"
            yield f"| {text} | {figure.network} | {_number(before)} | {now} |"
        for one in self.parity:
            before = DIFFERENCES[one.precision].get(one.network)
            mark = "" if one.ok else " (too far)"
            text = f"levels of 255 from the CPU, {one.precision}"
            yield f"| {text} | {one.network} | {_number(before)} | {_number(one.levels)}{mark} |"
        for run in self.trainings:
            pace = f"{_number(run.photos_per_second)} photographs a second"
            memory = "" if run.peak_mb is None else f", {_number(run.peak_mb)} MB"
            losses = f"loss {run.first_loss:g} to {run.last_loss:g} in {run.steps} steps"
            before = TRAININGS.get(run.kind)
            yield f"| training | {run.kind} | {_number(before)} | {pace}{memory}, {losses} |"
        yield ""
        for check in self.checks:
            yield f"- {check.check}: {'passed' if check.ok else check.reason}"
        for error in self.errors:
            yield f"- not finished: {error}"

    def _pace(self, figure: Figure) -> str:
        if not figure.measurement.startswith("batch") or not figure.value:
            return ""
        return f", {self.sizes.batch * 1_000 / figure.value:.0f} pictures a second"


def machine(device: str) -> dict[str, str]:
    """The device and the versions that a figure depends on."""
    name = torch.cuda.get_device_name(device) if is_cuda(device) else f"CPU, {platform.machine()}"
    return {"name": name, "torch": str(torch.__version__), "python": platform.python_version()}


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.4g}" if value < 1_000 else f"{value:,.0f}"
