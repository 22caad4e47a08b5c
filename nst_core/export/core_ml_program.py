"""The program of a Core ML package, evaluated in PyTorch.

Core ML runs on Apple systems only, and coremltools evaluates nothing elsewhere. This evaluator reads
the saved file, so it finds wrong weights, operators and shapes. What it cannot find is a fault of Core
ML itself. Operators are those of Apple's Model Intermediate Language (MIL), as coremltools documents
them; it has exactly those that exported networks use.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nst_core.errors import NstError
from nst_core.export.run import Arrays


class ProgramError(NstError):
    """The program of a Core ML package has an operator that the check does not know."""


def read_program(path: Path) -> Any:
    """The main function of a saved `.mlpackage`, with its weights."""
    import coremltools
    from coremltools.converters.mil.frontend.milproto.load import load

    model = coremltools.models.MLModel(str(path), skip_model_load=True)
    specification = model.get_spec()
    program = load(specification, specification.specificationVersion, model.weights_dir)
    return program.functions["main"]


@torch.inference_mode()
def run_program(function: Any, arrays: Arrays) -> Arrays:
    """The outputs of `function` for its inputs, both in the order of the file.

    Raises `ProgramError` for an operator that is not in the table.
    """
    values = {
        name: torch.from_numpy(array) for name, array in zip(function.inputs, arrays, strict=True)
    }

    def value(variable: Any) -> Any:
        if isinstance(variable, list | tuple):
            return [value(one) for one in variable]
        return values[variable.name] if variable.name in values else _constant(variable.val)

    for operation in function.operations:
        if operation.op_type == "const":
            continue
        if operation.op_type not in _OPERATORS:
            raise ProgramError(f"The check of Core ML files has no operator {operation.op_type!r}.")
        inputs = {name: value(one) for name, one in operation.inputs.items() if one is not None}
        found = _OPERATORS[operation.op_type](**inputs)
        outputs = found if isinstance(found, tuple) else (found,)
        for variable, result in zip(operation.outputs, outputs, strict=True):
            values[variable.name] = result
    return [values[variable.name].numpy() for variable in function.outputs]


def _constant(stored: Any) -> Any:
    """Weights as tensors; integers, booleans and words as Python has them."""
    if isinstance(stored, np.ndarray) and stored.dtype.kind == "f":
        return torch.from_numpy(np.array(stored))
    if isinstance(stored, np.ndarray):
        return stored.tolist()
    return stored.item() if isinstance(stored, np.generic) else stored


def _pad(x: Tensor, pad: list[int], mode: str, constant_val: float) -> Tensor:
    # MIL goes from the first dimension to the last; PyTorch from the last, and only as far as it must.
    pairs = [pad[place : place + 2] for place in range(0, len(pad), 2)][::-1]
    while pairs and not any(pairs[-1]):
        pairs.pop()
    flat = [amount for pair in pairs for amount in pair]
    return functional.pad(x, flat, mode=mode) if mode != "constant" else functional.pad(x, flat)


def _conv(
    x: Tensor, weight: Tensor, strides: list[int], pad_type: str, pad: list[int],
    dilations: list[int], groups: int, bias: Tensor | None = None,
) -> Tensor:  # fmt: skip
    if pad_type != "valid":
        raise ProgramError(f"The check of Core ML files has no convolution padded by {pad_type!r}.")
    return functional.conv2d(x, weight, bias, strides, 0, dilations, groups)


def _max_pool(
    x: Tensor, kernel_sizes: list[int], strides: list[int], pad_type: str, pad: list[int],
    ceil_mode: bool,
) -> Tensor:  # fmt: skip
    if pad_type != "valid" and any(pad):
        raise ProgramError(f"The check of Core ML files has no pooling padded by {pad_type!r}.")
    return functional.max_pool2d(x, kernel_sizes, strides, ceil_mode=ceil_mode)


def _expand_dims(x: Tensor, axes: list[int]) -> Tensor:
    for axis in sorted(axes):
        x = x.unsqueeze(axis)
    return x


def _slice(
    x: Tensor, begin: list[int], end: list[int], begin_mask: list[bool] | None = None,
    end_mask: list[bool] | None = None, stride: list[int] | None = None,
    squeeze_mask: list[bool] | None = None,
) -> Tensor:  # fmt: skip
    if any(squeeze_mask or []) or any(step != 1 for step in stride or []):
        raise ProgramError("The check of Core ML files has no slices with steps or a squeeze.")
    rank = len(begin)
    # A mask says that a slice goes from the first place, or to the last.
    firsts = zip(begin, begin_mask or [False] * rank, strict=True)
    lasts = zip(end, end_mask or [False] * rank, strict=True)
    return x[
        tuple(
            slice(None if whole else first, None if open_ended else last)
            for (first, whole), (last, open_ended) in zip(firsts, lasts, strict=True)
        )
    ]


def _upsample(x: Tensor, scale_factor_height: float, scale_factor_width: float) -> Tensor:
    return functional.interpolate(
        x, scale_factor=(scale_factor_height, scale_factor_width), mode="nearest"
    )


_OPERATORS: dict[str, Callable[..., Tensor | tuple[Tensor, ...]]] = {
    "add": lambda x, y: x + y,
    "clip": lambda x, alpha, beta: x.clamp(alpha, beta),
    "concat": lambda values, axis, interleave: torch.cat(values, axis),
    "conv": _conv,
    "expand_dims": _expand_dims,
    "instance_norm": lambda x, gamma, beta, epsilon: functional.instance_norm(
        x, weight=gamma, bias=beta, eps=epsilon
    ),
    "less": lambda x, y: x < y,
    "linear": lambda x, weight, bias: functional.linear(x, weight, bias),
    "max_pool": _max_pool,
    "mul": lambda x, y: x * y,
    "pad": _pad,
    "pixel_shuffle": lambda x, upscale_factor: functional.pixel_shuffle(x, upscale_factor),
    "pixel_unshuffle": lambda x, downscale_factor: functional.pixel_unshuffle(x, downscale_factor),
    "real_div": lambda x, y: x / y,
    "reduce_mean": lambda x, axes, keep_dims: x.mean(axes, keepdim=keep_dims),
    "relu": lambda x: x.relu(),
    "select": lambda cond, a, b: torch.where(cond, a, b),
    "slice_by_index": _slice,
    "split": lambda x, split_sizes, axis: torch.split(x, split_sizes, axis),
    "sqrt": lambda x: x.sqrt(),
    "square": lambda x: x.square(),
    "squeeze": lambda x, axes: x.squeeze(axes),
    "sub": lambda x, y: x - y,
    "tanh": lambda x: x.tanh(),
    "upsample_nearest_neighbor": _upsample,
}
