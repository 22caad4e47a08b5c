"""Converts, compiles and runs graphs with OpenVINO; keeps compiled shapes within a limit of memory."""

from __future__ import annotations

import math
import os
import tempfile
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nst_core.runtimes.compiled_graphs import compiled_graphs
from nst_core.runtimes.graph_cache import GraphFiles
from nst_core.runtimes.graphs import Graph
from nst_core.runtimes.openvino_core import openvino_core
from nst_core.runtimes.runtime import MEMORY_MB

_OPTIONS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
#: Memory of a compiled graph: a part for itself, and a share of all its tensors, which OpenVINO lets
#: take turns in the same memory. Measured with slim, full and Johnson's network at 256 to 1024 px: the
#: estimate is 0.9 to 1.5 times as much as the process grew.
_GRAPH_MB, _TENSOR_SHARE = 10.0, 0.1
#: On machines of at most so many cores, inputs of at most so many pixels run on one thread by default:
#: a second one saves a millisecond of a job and takes 5 ms of processor time from other processes.
FEW_CORES, SMALL_PIXELS = 2, 600 * 600


def openvino_version() -> str:
    """The version of OpenVINO."""
    import openvino

    version: str = openvino.__version__
    return version


class OpenVinoGraphs:
    """Graphs of one network, converted once each and compiled for each shape of their inputs.

    A graph for any shape would take half as long again, and with one graph for each shape a job always
    gives the same bytes. The compiled graphs that were used last are kept: those of all networks of the
    process take at most `memory_mb` together (`CompiledGraphs`). `threads` is the number of threads, 0
    for a number that suits the machine and the picture. Thread-safe.
    """

    def __init__(
        self, files: GraphFiles | None = None, *, threads: int = 0, memory_mb: int = MEMORY_MB
    ) -> None:
        import openvino

        self._openvino = openvino
        self._core = openvino_core()
        self._files = files
        self._memory_mb = memory_mb
        self._threads = threads
        self._converted: dict[type[Graph], Any] = {}
        self._kept = compiled_graphs()
        self._lock = threading.Lock()

    @property
    def compiled(self) -> int:
        """The number of compiled graphs in memory."""
        return self._kept.count(self)

    def run(self, graph: Graph, *inputs: Tensor) -> list[Tensor]:
        """The outputs of `graph` for `inputs`."""
        arrays = [np.ascontiguousarray(value.detach().numpy(), np.float32) for value in inputs]
        with self._lock:
            answers = self._request(graph, arrays).infer(arrays, share_inputs=True)
            # Copies, because the request writes its next answers to the same memory.
            return [torch.from_numpy(answers[index].copy()) for index in range(len(answers))]

    def _request(self, graph: Graph, arrays: list[Any]) -> Any:
        key = (type(graph), *(array.shape for array in arrays))
        kept = self._kept.get(self, key)
        if kept is not None:
            return kept
        model = self._model(graph).clone()
        shapes = zip(model.inputs, arrays, strict=True)
        model.reshape({node: list(array.shape) for node, array in shapes})
        megabytes = _megabytes(model)
        self._kept.make_room(megabytes, self._memory_mb)
        options: dict[str, Any] = dict(_OPTIONS)
        threads = self._threads or _default_threads(arrays)
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        if self._files is not None:
            options["CACHE_DIR"] = str(self._files.folder)
        request = self._core.compile_model(model, "CPU", options).create_infer_request()
        self._kept.add(self, key, request, megabytes)
        return request

    def _model(self, graph: Graph) -> Any:
        kind = type(graph)
        if kind not in self._converted:
            self._converted[kind] = self._read(kind) or self._convert_and_store(graph)
        return self._converted[kind]

    def _read(self, kind: type[Graph]) -> Any | None:
        file = None if self._files is None else self._files.find(f"{kind.__name__}.xml")
        if file is None:
            return None
        try:
            return self._core.read_model(file)
        except RuntimeError:  # cut short or of another version: treated as missing
            return None

    def _convert_and_store(self, graph: Graph) -> Any:
        """Convert, write and read again.

        The graph that is read may differ from the converted one by a rounding, and a job's result must
        not depend on whether the graph was in the cache.
        """
        model, name = self._convert(graph), f"{type(graph).__name__}.xml"

        def write(folder: Path) -> None:
            self._openvino.save_model(model, folder / name, compress_to_fp16=False)

        if self._files is not None:
            self._files.keep(write)
            stored = self._read(type(graph))
            if stored is not None:
                return stored
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder))
            # Bytes, because a model that is read from a file refers to the file.
            return self._core.read_model(
                (Path(folder) / name).read_bytes(),
                (Path(folder) / name).with_suffix(".bin").read_bytes(),
            )

    def _convert(self, graph: Graph) -> Any:
        example = graph.example()
        # Traced here, because OpenVINO would have the trace checked, which takes a second or two.
        # PyTorch calls tracing deprecated, but OpenVINO's converter takes traces.
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trace: Any = torch.jit.trace  # untyped
            traced = trace(graph, example, check_trace=False)
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


def _megabytes(model: Any) -> float:
    """Estimated memory of a compiled `model` of fixed shapes, in megabytes."""
    values: int = sum(
        math.prod(output.get_shape())
        for operation in model.get_ops()
        if operation.get_type_name() != "Constant"
        for output in operation.outputs()
        if output.get_partial_shape().is_static
    )
    return _GRAPH_MB + _TENSOR_SHARE * 4 * values / 1e6


def _default_threads(arrays: list[Any]) -> int:
    """The number of threads for inputs (N, C, H, W); 0 leaves the number to OpenVINO."""
    pixels = max(
        (array.shape[0] * array.shape[2] * array.shape[3] for array in arrays if array.ndim == 4),
        default=0,
    )
    return 1 if (os.cpu_count() or 1) <= FEW_CORES and pixels <= SMALL_PIXELS else 0
