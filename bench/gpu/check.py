"""Check and measure the package on a graphics card: `python -m bench.gpu.check --out DIR`.

Tests for the card, parity of every network with the CPU, times and memory of renders beside those of an
earlier run, and a short training of each kind: in at most four minutes, with the files `gpu.json` and
`gpu.md` at the end. A part that fails is reported, and the others run. Exit code 1 if anything failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from bench.gpu import device_checks, parity, render_times, trainings
from bench.gpu.report import Report
from nst_core.runtimes.choice import choose_device

#: Seconds of the whole check, and the part of it that is kept for all but the trainings.
TOTAL_SECONDS, WITHOUT_TRAININGS = 230.0, 70.0
#: Longest training of each kind, in seconds.
TRAINING_SECONDS = 60.0
#: Side in pixels of the pictures on which the networks are compared with the CPU.
_PARITY_SIDE = 256


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.check", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of gpu.json and gpu.md")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--small", action="store_true", help="tiny pictures and trainings: for a CPU")
    parser.add_argument("--seconds", type=float, default=TOTAL_SECONDS, help="time for everything")
    given = parser.parse_args(arguments)
    if given.small:
        torch.set_num_threads(1)  # threads would wait for each other longer than they compute
    report = run(choose_device(given.device), small=given.small, seconds=given.seconds)
    _, page = report.write(given.out)
    sys.stdout.write(page.read_text())
    return 0 if report.ok else 1


def run(device: str, *, small: bool, seconds: float = TOTAL_SECONDS) -> Report:
    """The report of all parts; `small` is for a CPU."""
    began = time.monotonic()
    sizes = render_times.SMALL if small else render_times.CARD
    report = Report(device, sizes)
    side = 32 if small else _PARITY_SIDE
    torch.backends.cudnn.benchmark = False  # it chooses workspaces of gigabytes
    _part(report, "checks", report.checks, lambda: device_checks.run_all(device))
    _part(
        report,
        "parity",
        report.parity,
        lambda: parity.compare(device, side=side, all_tuned=not small),
    )
    _part(report, "renders", report.renders, lambda: render_times.measure(device, sizes))
    left = seconds - (time.monotonic() - began) - 5
    each = 0.0 if small else max(5.0, min(TRAINING_SECONDS, left / trainings.count(device)))
    with TemporaryDirectory() as folder:
        _part(
            report,
            "trainings",
            report.trainings,
            lambda: trainings.train(device, each, Path(folder), small=small),
        )
    return report


def _part(report: Report, name: str, found: list[Any], results: Callable[[], Iterable[object]]) -> None:
    """Add the results of one part as they come, and the error that ends it."""
    began = time.monotonic()
    try:
        for result in results():
            found.append(result)
            sys.stderr.write(f"{result}\n")
    except Exception as error:  # the other parts are worth having
        report.errors.append(f"{name}: {type(error).__name__}: {error}"[:500])
    report.seconds[name] = round(time.monotonic() - began, 1)


if __name__ == "__main__":
    sys.exit(main())
