"""Opens the engine that fits a network: arbitrary-style or one style."""

from __future__ import annotations

from pathlib import Path

from nst_core.networks.feed_forward import is_feed_forward
from nst_core.networks.registry import NetworkError, network_file
from nst_core.runtimes.choice import RenderPrecision
from nst_core.runtimes.runtime import MEMORY_MB
from nst_core.stylize.engine import Engine
from nst_core.stylize.one_style_engine import OneStyleEngine
from nst_core.stylize.style_engine import StyleEngine


def open_engine(
    network: str | Path,
    runtime: str = "auto",
    device: str = "auto",
    *,
    precision: RenderPrecision = "fp32",
    memory_mb: int = MEMORY_MB,
    cache: Path | None = None,
    threads: int = 0,
) -> Engine:
    """The engine of a bundled network or of a network's file; arguments as for `StyleEngine`.

    Raises `NetworkError`, `CheckpointError` or `RuntimeChoiceError`.
    """
    path = network_file(network)
    if not is_feed_forward(path):
        return StyleEngine(
            path,
            runtime,
            device,
            precision=precision,
            memory_mb=memory_mb,
            cache=cache,
            threads=threads,
        )
    if precision == "int8":
        raise NetworkError(f"The network {str(network)!r} has no {precision}; use fp32.")
    return OneStyleEngine(
        path, runtime, device, half=precision == "fp16", memory_mb=memory_mb, threads=threads
    )
