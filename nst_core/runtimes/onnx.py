"""ONNX Runtime on the CPU, exported from the PyTorch network in memory. Imported only when used."""

from __future__ import annotations

import copy
import io
import threading
import warnings
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


def export_onnx(graph: Graph) -> bytes:
    """`graph` as an ONNX model for pictures of any size and any number of them."""
    sides = {
        "image": {0: "batch", 2: "height", 3: "width"},
        "weight": {0: "batch", 2: "rows", 3: "cells"},
    }
    file = io.BytesIO()
    # The older exporter, which PyTorch calls deprecated: it takes a second where torch.export takes
    # a dozen, and somebody waits for the first picture.
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            example_inputs(graph),
            file,  # type: ignore[arg-type]
            input_names=list(graph.inputs),
            output_names=["output"],
            dynamic_axes={name: sides.get(name, {0: "batch"}) for name in graph.inputs},
            opset_version=18,
            dynamo=False,
        )
    return file.getvalue()


class OnnxRuntime:
    """One session for each part of a job, for pictures of any size. Safe to share between threads."""

    name = "onnxruntime"
    device = "cpu"

    def __init__(self, network: StyleNetwork, *, cache: Path | None = None) -> None:
        import onnxruntime

        self._onnxruntime = onnxruntime
        # A copy, because the caller may move or train its own.
        self._network = copy.deepcopy(network).float().cpu().eval()
        self._files = GraphFiles.of(self._network, cache, f"onnx-{onnxruntime.__version__}")
        self._sessions: dict[type[Graph], Any] = {}
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
            session = self._session(graph)
        feed = dict(zip(graph.inputs, arrays, strict=True))
        return torch.from_numpy(session.run(None, feed)[0])

    def _session(self, graph: type[Graph]) -> Any:
        if graph not in self._sessions:
            self._sessions[graph] = self._stored(graph) or self._exported(graph)
        return self._sessions[graph]

    def _stored(self, graph: type[Graph]) -> Any | None:
        file = None if self._files is None else self._files.find(f"{graph.__name__}.onnx")
        if file is None:
            return None
        try:
            return self._open(file.read_bytes())
        except Exception:  # of many types: cut short or of another version, so as good as not there
            return None

    def _exported(self, graph: type[Graph]) -> Any:
        model = export_onnx(graph(self._network).eval())
        if self._files is not None:
            self._files.keep(lambda folder: (folder / f"{graph.__name__}.onnx").write_bytes(model))
        return self._open(model)

    def _open(self, model: bytes) -> Any:
        options = self._onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4
        return self._onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
