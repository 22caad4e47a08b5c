"""How long networks take, against full-width AdaIN in plain PyTorch, and what memory they need.

Times are taken in turns in one process, ratios within each round, since machines change their speed
from one second to the next. Peak memory is that of a fresh process for each row.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

from nst_core.engine import StyleEngine
from nst_core.full import FullAdaIN
from nst_core.images import Picture, encode_picture, read_picture, resize_picture, to_tensor
from nst_core.networks import StyleNetwork, bundled_networks, open_network

BASELINE = "full eager"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One network on one runtime at one size; the style is measured already, as in a service.

    `ms` is the median render; `ratio_to_full_eager` how many times quicker that is than full-width
    AdaIN in plain PyTorch; `outside_share` what decoding a JPEG twice as large, resizing it and writing
    a JPEG take of the whole job.
    """

    network: str
    weights: str
    runtime: str
    size: int
    ms: float
    ratio_to_full_eager: float
    outside_ms: float
    outside_share: float
    peak_rss_mb: int


def photograph(size: int) -> Picture:
    """A square picture with structure at every scale, always the same."""
    random = np.random.default_rng(0)
    total = np.zeros((size, size, 3), np.float32)
    for grain in (4, 16, 64, 256):
        noise = Image.fromarray(random.integers(0, 256, (grain, grain, 3), dtype=np.uint8))
        total += np.asarray(noise.resize((size, size), Image.Resampling.BICUBIC), np.float32) / 4
    return Picture(total.clip(0, 255).astype(np.uint8), None, "JPEG")


def network_for(name: str) -> tuple[StyleNetwork, str]:
    """The network and "bundled", "file" or, for full without weights, "random": as quick as trained."""
    if name == "full" and name not in bundled_networks():
        torch.manual_seed(0)
        return FullAdaIN().eval(), "random"
    return open_network(name), "bundled" if name in bundled_networks() else "file"


def measure(
    networks: Sequence[str],
    runtimes: Sequence[str],
    sizes: Sequence[int],
    *,
    rounds: int = 5,
    on_row: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """One row for each network, runtime and size. Raises what `StyleEngine` raises."""
    baseline = _eager(network_for("full")[0])
    engines = {}
    for name in networks:
        network, weights = network_for(name)
        for runtime in runtimes:
            engines[name, runtime] = (StyleEngine(network, runtime, "cpu"), weights)
    rows = []
    for size in sizes:
        picture = photograph(size)
        tasks = {key: _render(engine, picture) for key, (engine, _) in engines.items()}
        times = _interleaved({(BASELINE, ""): partial(baseline, picture), **tasks}, rounds)
        outside = _outside(size, rounds)
        for key, (engine, weights) in engines.items():
            name, _ = key
            mine, theirs = times[key], times[BASELINE, ""]
            ms = 1_000 * median(mine)
            row = Row(
                network=name if "/" not in name else Path(name).name,
                weights=weights,
                runtime=engine.runtime.name,
                size=size,
                ms=round(ms, 1),
                ratio_to_full_eager=round(median(t / m for m, t in zip(mine, theirs, strict=True)), 2),
                outside_ms=round(1_000 * outside, 1),
                outside_share=round(1_000 * outside / (1_000 * outside + ms), 3),
                peak_rss_mb=_peak_alone(name, engine.runtime.name, size),
            )
            rows.append(row)
            on_row(row)
    return rows


def _eager(network: StyleNetwork) -> Callable[[Picture], object]:
    """Plain PyTorch, as most code runs it: no_grad, default memory order."""
    style = torch.ones(1, 1024)

    @torch.no_grad()
    def run(picture: Picture) -> object:
        features = network.encode(to_tensor(picture.pixels))
        return network.decode(features, network.statistics(features), style)

    return run


def _render(engine: StyleEngine, picture: Picture) -> Callable[[], object]:
    style = engine.style_statistics(photograph(256), 256)
    return lambda: engine.stylize(picture, style, alpha=1.0)


def _interleaved(
    tasks: dict[tuple[str, str], Callable[[], object]], rounds: int
) -> dict[tuple[str, str], list[float]]:
    times: dict[tuple[str, str], list[float]] = {key: [] for key in tasks}
    for number in range(rounds + 1):
        for key, task in tasks.items():
            started = time.perf_counter()
            task()
            if number:  # the first round compiles and warms up
                times[key].append(time.perf_counter() - started)
    return times


def _outside(size: int, rounds: int) -> float:
    """Seconds to read a JPEG of twice the size, resize it and write the result as JPEG."""
    file = encode_picture(photograph(2 * size), "jpeg")
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        encode_picture(resize_picture(read_picture(file, target_long_side=size), size), "jpeg")
        times.append(time.perf_counter() - started)
    return median(times)


def _peak_alone(network: str, runtime: str, size: int) -> int:
    """Ask a fresh process; not by multiprocessing, which would run the caller's script again."""
    root = str(Path(__file__).parents[1])
    code = (
        f"import sys; sys.path.insert(0, {root!r}); from nst_core.benchmark import _peak; "
        f"sys.stdout.write(str(_peak({network!r}, {runtime!r}, {size}, {torch.get_num_threads()})))"
    )
    return int(subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE).stdout)


def _peak(network: str, runtime: str, size: int, threads: int) -> int:
    """Megabytes this process held at most while it rendered once."""
    torch.set_num_threads(threads)
    engine = StyleEngine(network_for(network)[0], runtime, "cpu")
    _render(engine, photograph(size))()
    status = Path("/proc/self/status")
    if (
        status.exists()
    ):  # getrusage would also count the parent, whose memory a new process first shares
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
