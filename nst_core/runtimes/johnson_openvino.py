"""A network of one style on OpenVINO, converted in memory. Imported only when used."""

from __future__ import annotations

import copy
import threading
import warnings
from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nst_core.networks.johnson import JohnsonNetwork, mirrored
from nst_core.runtimes.openvino_core import openvino_core

#: Compiled graphs kept, of one shape each.
KEPT = 4


class JohnsonOpenVino:
    """Runs whole pictures. Safe to share between threads."""

    def __init__(self, network: JohnsonNetwork) -> None:
        import openvino

        self._openvino = openvino
        self._core = openvino_core()
        self._network = copy.deepcopy(network).float().cpu().eval()
        self._model: Any = None
        self._compiled: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, image: Tensor) -> Tensor:
        """(1, 3, H, W) in [0, 1] → the same shape."""
        padded = mirrored(image)
        array = np.ascontiguousarray(padded.numpy(), np.float32)
        with self._lock:
            # Copied, because the request writes its next answer to the same memory.
            out = torch.from_numpy(self._request(array.shape).infer([array])[0].copy())
        return out[:, :, : image.shape[2], : image.shape[3]]

    def _request(self, shape: tuple[int, ...]) -> Any:
        if shape in self._compiled:
            self._compiled.move_to_end(shape)
            return self._compiled[shape]
        if self._model is None:
            self._model = self._converted()
        model = self._model.clone()
        model.reshape(list(shape))
        while len(self._compiled) >= KEPT:
            self._compiled.popitem(last=False)
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        self._compiled[shape] = self._core.compile_model(model, "CPU", options).create_infer_request()
        return self._compiled[shape]

    def _converted(self) -> Any:
        example = torch.linspace(0, 1, 3 * 64 * 64).reshape(1, 3, 64, 64)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing is deprecated, but what the converter takes
            trace: Any = torch.jit.trace  # untyped
            traced = trace(_Inner(self._network), example, check_trace=False)
            model = self._openvino.convert_model(traced, example_input=example)
        model.reshape([1, 3, -1, -1])
        return model


class _Inner(torch.nn.Module):
    """The network without the padding, which would be traced as constants."""

    def __init__(self, network: JohnsonNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.inner(x)
