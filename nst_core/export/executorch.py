"""ExecuTorch programs (`.pte`) for phones: convolutions by XNNPACK, the rest by portable kernels.

A program takes one picture at a time, with sides from the network's smallest to `LARGEST_SIDE`: its
memory is planned for the largest, because the runtime of a phone allocates none while it runs.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nst_core.export.executorch_int8 import int8_partitioner, quantized
from nst_core.export.modules import Exportable
from nst_core.export.phones import phone_example, phone_module
from nst_core.export.run import Arrays, Run

#: The largest side in pixels. Slim's memory for it is 88 MB.
LARGEST_SIDE = 1024


def write_executorch(network: Exportable, path: Path) -> None:
    """Write `network` as a program with the method `forward`."""
    with _quiet():
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

        program = phone_program(network)
        int8 = [int8_partitioner()] if network.precision == "int8" else []
        # The verifier runs after each of some hundred passes and takes as long as they do.
        unverified = EdgeCompileConfig(_check_ir_validity=False)
        edge = to_edge_transform_and_lower(
            program, partitioner=[*int8, XnnpackPartitioner()], compile_config=unverified
        )
        with path.open("wb") as file:
            edge.to_executorch().write_to_file(file)


def phone_program(network: Exportable) -> torch.export.ExportedProgram:
    """The graph of `network` in operators that XNNPACK has, as far as it has them."""
    module, example = phone_module(network), phone_example(network)
    shapes = _dynamic_shapes(network)
    with _quiet(), torch.no_grad():
        whole = torch.export.export(module, example, dynamic_shapes=shapes)
        if network.precision == "int8":
            rounded = quantized(whole.module(), example)
            whole = torch.export.export(rounded, example, dynamic_shapes=shapes)
        program: torch.export.ExportedProgram = whole.run_decompositions(_decompositions())
    return program


def load_executorch(path: Path) -> Run:
    """Run a program by ExecuTorch's own runtime."""
    with _quiet():
        from executorch.runtime import Runtime

        method = Runtime.get().load_program(path).load_method("forward")

    def run(arrays: Arrays) -> Arrays:
        with _quiet():
            found = method.execute([torch.from_numpy(np.ascontiguousarray(one)) for one in arrays])
        # The runtime reuses the memory of outputs in its next run.
        return [output.numpy().copy() for output in found]

    return run


def _dynamic_shapes(network: Exportable) -> tuple[Any, ...]:
    least = max(2, -(-network.minimum_side // network.stride))
    rows, columns = (
        torch.export.Dim(name, min=least, max=LARGEST_SIDE // network.stride)
        for name in ("rows", "columns")
    )
    image = {2: network.stride * rows, 3: network.stride * columns}
    return network.chosen(image=image, style=None, alpha=None)


def _decompositions() -> dict[Any, Callable[..., Any]]:
    """Operators that ExecuTorch lacks, or that would leave XNNPACK, in operators that XNNPACK has."""
    aten = torch.ops.aten
    return {
        aten.instance_norm.default: _instance_norm,
        aten.lerp.Tensor: lambda start, end, weight: start + weight * (end - start),
        aten.pad.default: _pad,
        aten.var_mean.correction: _var_mean,
    }


def _var_mean(
    x: Tensor, dim: list[int], *, correction: float, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """Population variance and mean. XNNPACK has means that keep their dimensions only."""
    assert correction == 0  # noqa: S101 - all statistics of this package are of a population
    mean = x.mean(dim, keepdim=True)
    difference = x - mean
    variance = (difference * difference).mean(dim, keepdim=True)
    return (variance, mean) if keepdim else (variance.flatten(1), mean.flatten(1))


def _instance_norm(
    x: Tensor, weight: Tensor, bias: Tensor, mean: None, variance: None, use: bool, momentum: float,
    epsilon: float, cudnn: bool,
) -> Tensor:  # fmt: skip
    spread, middle = _var_mean(x, [2, 3], correction=0, keepdim=True)
    gain = weight[None, :, None, None] / (spread + epsilon).sqrt()
    return x * gain + (bias[None, :, None, None] - middle * gain)


def _pad(x: Tensor, pad: list[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Reflection or replication by slices: PyTorch's own decomposition is an index for each pixel."""
    for dimension, before, after in ((3, *pad[:2]), (2, *pad[2:])):
        last = x.shape[dimension] - 1
        step = 1 if mode == "reflect" else 0
        first = [x.narrow(dimension, step * place, 1) for place in range(before, 0, -1)]
        rest = [x.narrow(dimension, last - step * place, 1) for place in range(1, after + 1)]
        x = torch.cat([*first, x, *rest], dimension)
    return x


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence torchao, which ExecuTorch imports, and which warns of kernels for other processors."""
    loggers = [logging.getLogger(name) for name in ("torchao", "torch.utils._pytree")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
