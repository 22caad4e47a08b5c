"""Core ML packages (`.mlpackage`): written by coremltools, checked as far as Linux allows.

Core ML itself exists on Apple systems only. The check therefore reads the saved program back, with its
weights, and evaluates its operators in PyTorch (`nst_core/export/core_ml_program.py`).
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch

from nst_core.export.core_ml_program import read_program, run_program
from nst_core.export.modules import Exportable
from nst_core.export.phones import phone_example, phone_module
from nst_core.export.run import Run

#: The largest side in pixels: an ML program needs an upper bound for a flexible side.
LARGEST_SIDE = 4096
_DEFAULT_SIDE = 512


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence coremltools, which warns of a newer PyTorch and shows progress bars."""
    logger = logging.getLogger("coremltools")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def write_core_ml(network: Exportable, path: Path) -> None:
    """Write `network` as an ML program in single precision, for iOS 16 and macOS 13 or later.

    One picture at a time; its sides may be anything from the network's smallest to `LARGEST_SIDE`.
    """
    with _quiet():
        import coremltools

        _register_operators()
        example = phone_example(network)
        trace: Any = torch.jit.trace  # untyped
        traced = trace(phone_module(network), example, check_trace=False)
        sides = [
            coremltools.RangeDim(network.minimum_side, LARGEST_SIDE, default=_DEFAULT_SIDE)
            for _ in range(2)
        ]
        shapes = [
            (1, 3, *sides) if name == "image" else tuple(value.shape)
            for name, value in zip(network.module.inputs, example, strict=True)
        ]
        model = coremltools.convert(
            traced,
            convert_to="mlprogram",
            inputs=[
                coremltools.TensorType(name, shape=shape)
                for name, shape in zip(network.module.inputs, shapes, strict=True)
            ],
            outputs=[coremltools.TensorType(name) for name in network.module.outputs],
            minimum_deployment_target=coremltools.target.iOS16,
            compute_precision=coremltools.precision.FLOAT32,
            skip_model_load=True,
        )
        model.user_defined_metadata.update(network.description)
        model.save(str(path))


def load_core_ml(path: Path) -> Run:
    """Run the program of a saved package in PyTorch, operator by operator."""
    with _quiet():
        program = read_program(path)
    return lambda arrays: run_program(program, arrays)


@cache
def _register_operators() -> None:
    """Teach coremltools 9.0 two operators of PyTorch that it lacks."""
    from coremltools.converters.mil import Builder
    from coremltools.converters.mil.frontend.torch.ops import _get_inputs
    from coremltools.converters.mil.frontend.torch.torch_op_registry import register_torch_op

    def var_mean(context: Any, node: Any) -> None:
        """Population variance and mean over `dim`, both without it: what the networks compute."""
        x, axes, correction, keeps = _get_inputs(context, node)
        assert correction.val == 0 and not keeps.val  # noqa: S101, PT018
        mean = Builder.reduce_mean(x=x, axes=axes.val, keep_dims=True)
        square = Builder.square(x=Builder.sub(x=x, y=mean))
        variance = Builder.reduce_mean(x=square, axes=axes.val, keep_dims=False)
        for value, name in zip(
            (variance, Builder.squeeze(x=mean, axes=axes.val)), node.outputs, strict=True
        ):
            context.add(value, torch_name=name)

    def lerp(context: Any, node: Any) -> None:
        start, end, weight = _get_inputs(context, node)
        step = Builder.mul(x=Builder.sub(x=end, y=start), y=weight)
        context.add(Builder.add(x=start, y=step), torch_name=node.name)

    register_torch_op(var_mean)
    register_torch_op(lerp)
