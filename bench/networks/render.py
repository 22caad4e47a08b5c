"""Render times of networks relative to full-width AdaIN in plain PyTorch, and their memory.

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
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench.networks.peers import PEERS
from nst_core.images.picture import Picture, encode_picture, read_picture, resize_picture, to_tensor
from nst_core.networks.full import FullAdaIN
from nst_core.networks.registry import StyleNetwork, bundled_networks, check_precision, open_network
from nst_core.stylize.padding import padded_side
from nst_core.stylize.request import RenderRequest
from nst_core.stylize.style_engine import StyleEngine

#: Network, runtime and batch size of a timed task.
Task = tuple[str, str, int]
_BASELINE: Task = ("full eager", "", 1)
_PEAK: Task = ("peak", "", 1)


@dataclass(frozen=True)
class Size:
    """Width and height of a rendered picture in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return str(self.width) if self.width == self.height else f"{self.width}x{self.height}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """Result of one network on one runtime at one size; style statistics are computed before.

    `ms` is the median render, from pixels to pixels, for each of the `batch` pictures of one pass;
    `vs_full_eager` how many times faster that is than full-width AdaIN in plain PyTorch on the same
    device, a picture at a time; `gflops` the operations of its convolutions and products per second,
    and `of_peak` their share of the speed of a product of large matrices on this machine;
    `outside_share` the share of a whole job for decoding a JPEG twice as large, resizing it and writing
    a JPEG.
    """

    network: str
    weights: str
    runtime: str
    size: str
    batch: int
    ms: float
    vs_full_eager: float | None
    gflops: int
    of_peak: float
    outside_ms: float
    outside_share: float
    peak_rss_mb: int


def photograph(width: int, height: int | None = None) -> Picture:
    """A deterministic picture with structure at every scale; square if `height` is None."""
    random = np.random.default_rng(0)
    total = np.zeros((height or width, width, 3), np.float32)
    for grain in (4, 16, 64, 256):
        noise = Image.fromarray(random.integers(0, 256, (grain, grain, 3), dtype=np.uint8))
        resized = noise.resize((width, height or width), Image.Resampling.BICUBIC)
        total += np.asarray(resized, np.float32) / 4
    return Picture(total.clip(0, 255).astype(np.uint8), None, "JPEG")


def network_for(name: str) -> tuple[StyleNetwork, str]:
    """The network, and where its weights are from: "bundled", "file" or "random".

    `name` is what `open_network` takes, with ":int8" behind it for that precision, or one of `PEERS`.
    """
    name, _, precision = name.partition(":")
    if name in PEERS:
        torch.manual_seed(0)
        return PEERS[name]().eval(), "random"
    if name == "full" and name not in bundled_networks():
        torch.manual_seed(0)
        return FullAdaIN().eval(), "random"
    network = open_network(name, check_precision(precision or "fp32"))
    return network, "bundled" if name in bundled_networks() else "file"


def measure(
    networks: Sequence[str],
    runtimes: Sequence[str],
    sizes: Sequence[Size],
    *,
    batches: Sequence[int] = (1,),
    device: str = "cpu",
    rounds: int = 5,
    baseline_pixels: int = 1024 * 1024,
    on_row: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """One row for each network, runtime, size and batch. Raises the errors of `StyleEngine`.

    Beyond `baseline_pixels` the baseline is not run: it would take minutes and many gigabytes.
    """
    baseline = _eager(network_for("full")[0], device)
    engines = {}
    for name in networks:
        network, weights = network_for(name)
        for runtime in runtimes:
            engines[name, runtime] = (_engine(network, runtime, device), weights)
    rows = []
    for size in sizes:
        picture = photograph(size.width, size.height)
        tasks: dict[Task, Callable[[], object]] = {
            (*key, batch): _render(engine, picture, batch)
            for key, (engine, _) in engines.items()
            for batch in batches
        }
        tasks[_PEAK] = partial(_product, device)
        if size.width * size.height <= baseline_pixels:
            tasks = {_BASELINE: partial(baseline, picture), **tasks}
        times = _interleaved(tasks, rounds)
        outside = 1_000 * _outside(size, rounds)
        for (name, runtime), (engine, weights), batch in (
            (*each, batch) for each in engines.items() for batch in batches
        ):
            own = [seconds / batch for seconds in times[name, runtime, batch]]
            baseline_times = times.get(_BASELINE)
            ms = 1_000 * median(own)
            gflops = _operations(name, size) / 1e6 / ms
            peak = _PRODUCT_SIDE**3 * 2 / 1e9 / min(times[_PEAK])
            row = Row(
                network=name if "/" not in name else Path(name).name,
                weights=weights,
                runtime=engine.runtime,
                size=str(size),
                batch=batch,
                ms=round(ms, 1),
                vs_full_eager=None if baseline_times is None else _ratio(baseline_times, own),
                gflops=round(gflops),
                of_peak=round(gflops / peak, 2),
                outside_ms=round(outside, 1),
                outside_share=round(outside / (outside + ms), 3),
                peak_rss_mb=_peak_alone(name, engine.runtime, device, size, batch),
            )
            rows.append(row)
            on_row(row)
    return rows


def _ratio(baseline: Sequence[float], times: Sequence[float]) -> float:
    return round(median(one / other for one, other in zip(baseline, times, strict=True)), 2)


def _engine(network: StyleNetwork, runtime: str, device: str) -> StyleEngine:
    if runtime == "auto" and device == "cpu" and network.architecture in PEERS:
        runtime = "openvino"  # the fastest for these networks, by docs/benchmarks.md
    return StyleEngine(network, runtime, device)


def _eager(network: StyleNetwork, device: str) -> Callable[[Picture], object]:
    """A render function in plain PyTorch: no_grad, default memory order."""
    style = torch.ones(1, network.statistics_width, device=device)
    network.to(device)

    @torch.no_grad()
    def run(picture: Picture) -> object:
        features = network.encode(to_tensor(picture.pixels).to(device))
        return network.decode(features, network.statistics(features), style).cpu()

    return run


def _render(engine: StyleEngine, picture: Picture, batch: int) -> Callable[[], object]:
    style = engine.style_statistics(photograph(256), 256)
    requests = [RenderRequest(content=picture, style=style, alphas=[1.0])] * batch
    return lambda: engine.render(requests)


_PRODUCT_SIDE = 1_536


def _product(device: str) -> Tensor:
    """Reference task for the peak speed: a product of large single-precision matrices."""
    matrix = torch.ones(_PRODUCT_SIDE, _PRODUCT_SIDE, device=device)
    return (matrix @ matrix)[:1].cpu()


def _operations(name: str, size: Size) -> int:
    """Additions and multiplications of the network for a picture, without the tiles' overlap."""
    network, _ = network_for(name.partition(":")[0])
    side = 4 * network.minimum_side
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        features = network.encode(torch.zeros(1, 3, side, side))
        statistics = network.statistics(features)
        network.decode(features, statistics, statistics)
    width, height = (padded_side(network, pixels) for pixels in (size.width, size.height))
    return int(counter.get_total_flops() * width * height / side**2)


def _interleaved(tasks: dict[Task, Callable[[], object]], rounds: int) -> dict[Task, list[float]]:
    times: dict[Task, list[float]] = {key: [] for key in tasks}
    for number in range(rounds + 1):
        for key, task in tasks.items():
            started = time.perf_counter()
            task()
            if number:  # the first round includes compilation and is not counted
                times[key].append(time.perf_counter() - started)
    return times


def _outside(size: Size, rounds: int) -> float:
    """Seconds to read a JPEG of twice the size, resize it and write the result as JPEG."""
    file = encode_picture(photograph(2 * size.width, 2 * size.height), "jpeg")
    longest = max(size.width, size.height)
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        picture = read_picture(file, target_long_side=longest, max_pixels=2**30)
        encode_picture(resize_picture(picture, longest), "jpeg")
        times.append(time.perf_counter() - started)
    return median(times)


def _peak_alone(network: str, runtime: str, device: str, size: Size, batch: int) -> int:
    """Peak memory of a fresh process; multiprocessing would run the caller's script again."""
    root = str(Path(__file__).parents[2])
    arguments = (network, runtime, device, size.width, size.height, batch, torch.get_num_threads())
    code = (
        f"import sys; sys.path.insert(0, {root!r}); from bench.networks.render import _peak; "
        f"sys.stdout.write(str(_peak(*{arguments!r})))"
    )
    return int(subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE).stdout)


def _peak(
    network: str, runtime: str, device: str, width: int, height: int, batch: int, threads: int
) -> int:
    """Peak memory in MB of this process for one render."""
    torch.set_num_threads(threads)
    picture = photograph(width, height)
    engine = StyleEngine(network_for(network)[0], runtime, device)
    _render(engine, picture, batch)()
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would also count the parent, whose memory a new process first shares.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
