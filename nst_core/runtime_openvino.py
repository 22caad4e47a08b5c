"""OpenVINO on the CPU, converted from the PyTorch network in memory. Imported only when used."""

from __future__ import annotations

import copy
import threading
import warnings
from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nst_core.style_network import StyleNetwork

#: Compiled graphs kept, of one shape each. A static shape is a quarter faster at 512 pixels than a
#: dynamic one, which would pay for each new shape as well, and one job always gives the same bytes.
KEPT = 4

_PRECISE = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}


class OpenVinoRuntime:
    """One graph per job: encode, measure, blend, decode. Safe to share between threads."""

    name = "openvino"
    device = "cpu"

    def __init__(self, network: StyleNetwork, *, kept: int = KEPT) -> None:
        import openvino

        self._openvino = openvino
        self._core = openvino.Core()
        # A copy, because the caller may move or train its own.
        self._network = copy.deepcopy(network).float().cpu().eval()
        self._converted: dict[type[_Graph], Any] = {}
        self._compiled: OrderedDict[tuple[object, ...], Any] = OrderedDict()
        self._kept = kept
        self._lock = threading.Lock()

    def statistics(self, image: Tensor) -> Tensor:
        """See `Runtime`."""
        return self._run(_Statistics, image)

    def render(self, image: Tensor, style: Tensor, alpha: float) -> Tensor:
        """See `Runtime`."""
        return self._run(_Render, image, style, torch.tensor([[alpha]], dtype=torch.float32))

    def render_tile(self, image: Tensor, content: Tensor, target: Tensor) -> Tensor:
        """See `Runtime`."""
        return self._run(_RenderTile, image, content, target)

    def _run(self, graph: type[_Graph], *inputs: Tensor) -> Tensor:
        arrays = [np.ascontiguousarray(value.detach().cpu().numpy()) for value in inputs]
        with self._lock:
            request = self._request(graph, arrays)
            # Copied, because the request writes its next answer to the same memory.
            return torch.from_numpy(request.infer(arrays)[0].copy())

    def _request(self, graph: type[_Graph], arrays: list[np.ndarray[Any, Any]]) -> Any:
        key = (graph, *(array.shape for array in arrays))
        if key in self._compiled:
            self._compiled.move_to_end(key)
            return self._compiled[key]
        model = self._model(graph, arrays).clone()
        shapes = zip(model.inputs, arrays, strict=True)
        model.reshape({node: list(array.shape) for node, array in shapes})
        while len(self._compiled) >= self._kept:
            self._compiled.popitem(last=False)
        request = self._core.compile_model(model, "CPU", _PRECISE).create_infer_request()
        self._compiled[key] = request
        return request

    def _model(self, graph: type[_Graph], arrays: list[np.ndarray[Any, Any]]) -> Any:
        if graph not in self._converted:
            side = 4 * self._network.minimum_side
            example = (
                torch.zeros(1, 3, side, side),
                *(torch.zeros(array.shape) for array in arrays[1:]),
            )
            # Traced here because OpenVINO would have the trace checked, which takes a second or two.
            # PyTorch calls tracing deprecated, but it is what OpenVINO's converter takes.
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trace: Any = torch.jit.trace  # untyped
                traced = trace(graph(self._network), example, check_trace=False)
                self._converted[graph] = self._openvino.convert_model(traced, example_input=example)
        return self._converted[graph]


class _Graph(nn.Module):
    def __init__(self, network: StyleNetwork) -> None:
        super().__init__()
        self.network = network


class _Statistics(_Graph):
    def forward(self, image: Tensor) -> Tensor:
        return self.network.statistics(self.network.encode(image))


class _Render(_Graph):
    def forward(self, image: Tensor, style: Tensor, alpha: Tensor) -> Tensor:
        features = self.network.encode(image)
        content = self.network.statistics(features)
        return self.network.decode(features, content, torch.lerp(content, style, alpha))


class _RenderTile(_Graph):
    def forward(self, image: Tensor, content: Tensor, target: Tensor) -> Tensor:
        return self.network.decode(self.network.encode(image), content, target)
