"""OpenVINO on the CPU, converted from the PyTorch network in memory. Imported only when used."""

from __future__ import annotations

import copy
import tempfile
import threading
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nst_core.networks.base import StyleNetwork
from nst_core.runtimes.graph_cache import GraphFiles
from nst_core.runtimes.graphs import (
    Graph,
    Render,
    RenderTile,
    Statistics,
    WeightedRender,
    WeightedStatistics,
    example_inputs,
)
from nst_core.runtimes.openvino_core import openvino_core

#: Compiled graphs kept, of one shape each. A graph for any shape takes half as long again, and one for
#: a single shape makes one job always give the same bytes.
KEPT = 8

_PRECISE = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}


class OpenVinoRuntime:
    """One graph per job: encode, measure, blend, decode. Safe to share between threads."""

    name = "openvino"
    device = "cpu"

    def __init__(self, network: StyleNetwork, *, kept: int = KEPT, cache: Path | None = None) -> None:
        import openvino

        self._openvino = openvino
        self._core = openvino_core()
        # A copy, because the caller may move or train its own.
        self._network = copy.deepcopy(network).float().cpu().eval()
        self._files = GraphFiles.of(self._network, cache, f"openvino-{openvino.__version__}")
        self._converted: dict[type[Graph], Any] = {}
        self._compiled: OrderedDict[tuple[object, ...], Any] = OrderedDict()
        self._kept = kept
        self._lock = threading.Lock()

    def statistics(self, image: Tensor, weight: Tensor | None = None) -> Tensor:
        """See `Runtime`."""
        if weight is None:
            return self._run(Statistics, image)
        return self._run(WeightedStatistics, image, weight)

    def render(
        self, image: Tensor, style: Tensor, alpha: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """See `Runtime`."""
        if weight is None:
            return self._run(Render, image, style, alpha)
        return self._run(WeightedRender, image, weight, style, alpha)

    def render_tile(self, image: Tensor, content: Tensor, target: Tensor) -> Tensor:
        """See `Runtime`."""
        return self._run(RenderTile, image, content, target)

    def _run(self, graph: type[Graph], *inputs: Tensor) -> Tensor:
        arrays = [np.ascontiguousarray(value.detach().numpy(), np.float32) for value in inputs]
        with self._lock:
            request = self._request(graph, arrays)
            # Copied, because the request writes its next answer to the same memory.
            return torch.from_numpy(request.infer(arrays)[0].copy())

    def _request(self, graph: type[Graph], arrays: list[np.ndarray[Any, Any]]) -> Any:
        key = (graph, *(array.shape for array in arrays))
        if key in self._compiled:
            self._compiled.move_to_end(key)
            return self._compiled[key]
        model = self._model(graph).clone()
        shapes = zip(model.inputs, arrays, strict=True)
        model.reshape({node: list(array.shape) for node, array in shapes})
        while len(self._compiled) >= self._kept:
            self._compiled.popitem(last=False)
        options: dict[str, Any] = dict(_PRECISE)
        if self._files is not None:
            options["CACHE_DIR"] = str(self._files.folder)
        request = self._core.compile_model(model, "CPU", options).create_infer_request()
        self._compiled[key] = request
        return request

    def _model(self, graph: type[Graph]) -> Any:
        if graph not in self._converted:
            self._converted[graph] = self._stored(graph) or self._stored_anew(graph)
        return self._converted[graph]

    def _stored(self, graph: type[Graph]) -> Any | None:
        file = None if self._files is None else self._files.find(f"{graph.__name__}.xml")
        if file is None:
            return None
        try:
            return self._core.read_model(file)
        except RuntimeError:  # cut short or of another version: as good as not there
            return None

    def _stored_anew(self, graph: type[Graph]) -> Any:
        """Convert, write and read again: what is read may differ from what was written by one rounding,
        and a job must not depend on whether the graph was at hand.
        """
        model, name = self._convert(graph), f"{graph.__name__}.xml"

        def write(folder: Path) -> None:
            self._openvino.save_model(model, folder / name, compress_to_fp16=False)

        if self._files is not None:
            self._files.keep(write)
            kept = self._stored(graph)
            if kept is not None:
                return kept
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder))
            # A copy, because what is read refers to the file.
            return self._core.read_model(
                (Path(folder) / name).read_bytes(),
                (Path(folder) / name).with_suffix(".bin").read_bytes(),
            )

    def _convert(self, graph: type[Graph]) -> Any:
        module = graph(self._network).eval()
        example = example_inputs(module)
        # Traced here because OpenVINO would have the trace checked, which takes a second or two.
        # PyTorch calls tracing deprecated, but it is what OpenVINO's converter takes.
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trace: Any = torch.jit.trace  # untyped
            traced = trace(module, example, check_trace=False)
            model = self._openvino.convert_model(traced, example_input=example)
        # Batches and sides stay open; every shape is compiled for itself.
        shapes = [[-1, value.shape[1], *([-1] * (value.dim() - 2))] for value in example]
        model.reshape(
            {
                node: self._openvino.PartialShape(shape)
                for node, shape in zip(model.inputs, shapes, strict=True)
            }
        )
        return model
