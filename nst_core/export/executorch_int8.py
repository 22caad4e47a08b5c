"""int8 for ExecuTorch: weights in 8 bits by channel, inputs in 8 bits by the range of each picture.

XNNPACK computes such a convolution in integers and gives single precision, so that everything between
convolutions stays as it is, and no ranges have to be measured before.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def quantized(graph: Any, example: tuple[Tensor, ...]) -> nn.Module:
    """`graph`, a module of `torch.export`, with its convolutions in int8.

    It runs once on `example`, in which the largest weights of each channel are found.
    """
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    prepared = prepare_pt2e(graph, _quantizer())
    with torch.no_grad():
        prepared(*example)
    converted: nn.Module = convert_pt2e(prepared)
    return converted


def int8_partitioner() -> Any:
    """Gives XNNPACK each int8 convolution together with the search for the range of its input."""
    from executorch.backends.xnnpack.partition.config.xnnpack_config import ConfigPrecisionType
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    return XnnpackPartitioner(config_precisions=ConfigPrecisionType.DYNAMIC_QUANT, per_op_mode=True)


def _quantizer() -> Any:
    """Marks every convolution. `XNNPACKQuantizer` leaves out those in front of a ReLU, half of slim."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, Quantizer
    from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY

    by_picture = get_symmetric_quantization_config(is_per_channel=True, is_dynamic=True)

    class Convolutions(Quantizer):  # type: ignore[misc]
        def annotate(self, model: torch.fx.GraphModule) -> torch.fx.GraphModule:
            for node in model.graph.nodes:
                if node.op == "call_function" and _is_convolution(node):
                    image, weight = node.args[:2]
                    node.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(
                        input_qspec_map={
                            image: by_picture.input_activation,
                            weight: by_picture.weight,
                        },
                        _annotated=True,
                    )
            return model

        def validate(self, model: torch.fx.GraphModule) -> None:
            """Nothing is excluded."""

    return Convolutions()


def _is_convolution(node: torch.fx.Node) -> bool:
    return node.target in {torch.ops.aten.conv2d.default, torch.ops.aten.convolution.default}
