"""Export formats: how each file is written, and how it is run without Atelier."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from nst_core.errors import NstError
from nst_core.export import core_ml, executorch
from nst_core.export.modules import Exportable
from nst_core.export.run import Arrays, Run
from nst_core.runtimes.openvino_core import openvino_core

#: ONNX opset of the files: PyTorch's default. 21 to 23 give the same graph, but fewer runtimes read
#: them.
OPSET = 20


class ExportError(NstError):
    """A network can't be exported as requested, or the file differs from the network."""


@dataclass(frozen=True)
class Format:
    """An export format. `packages`, of the extra `extra`, are required to write and check files.

    `rounds` says that the format's own tools make int8 from a network in single precision, and that
    files in int8 are compared with that network. Other formats take the network in int8.
    """

    name: str
    suffix: str
    extra: str
    packages: tuple[str, ...]
    has_int8: bool
    write: Callable[[Exportable, Path], None]
    load: Callable[[Path], Run]
    #: The largest side in pixels, for files that take one picture at a time; None for files that take
    #: any side and any batch.
    largest_side: int | None = None
    rounds: bool = False

    def files(self, path: Path) -> list[Path]:
        """What an export to `path` consists of: files, or the folder that is a Core ML package."""
        return [path, path.with_suffix(".bin")] if self.name == "openvino" else [path]

    def check_packages(self) -> None:
        """Raise `ExportError` if a required package is not installed."""
        missing = [name for name in self.packages if find_spec(name) is None]
        if missing:
            raise ExportError(
                f"Exporting to {self.name} needs the extra {self.extra!r}, without which "
                f"{missing[0]} is missing: pip install 'atelier[{self.extra}]'."
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence exporters, which warn of deprecations and log every step."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _write_onnx(network: Exportable, path: Path) -> None:
    import onnx

    module = network.module
    with _quiet():
        if network.precision == "fp32":
            program = torch.onnx.export(
                module,
                network.example(),
                dynamo=True,
                dynamic_shapes=network.dynamic_shapes(),
                input_names=list(module.inputs),
                output_names=list(module.outputs),
                opset_version=OPSET,
                verbose=False,
            )
            assert program is not None  # noqa: S101 - it is with dynamo
            program.save(path, external_data=False)
        else:
            # torch.export has no rule for fake quantisation; the older exporter writes it as ONNX
            # operators.
            sides = {0: "batch", 2: "height", 3: "width"}
            axes = {name: {0: "batch"} for name in (*module.inputs, *module.outputs)}
            torch.onnx.export(
                module,
                network.example(),
                str(path),
                dynamo=False,
                dynamic_axes={**axes, "image": sides, "output": sides},
                input_names=list(module.inputs),
                output_names=list(module.outputs),
                opset_version=18,
            )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, network.description)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _load_onnx(path: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]

    def run(arrays: Arrays) -> Arrays:
        found: Arrays = session.run(None, dict(zip(names, arrays, strict=True)))
        return found

    return run


def _trace(network: Exportable) -> Any:
    trace: Any = torch.jit.trace  # untyped
    return trace(network.module, network.example(), check_trace=False)


def _write_openvino(network: Exportable, path: Path) -> None:
    import openvino

    example = network.example()
    with _quiet():
        model = openvino.convert_model(_trace(network), example_input=example)
    shapes = [[-1, value.shape[1], *([-1] * (value.dim() - 2))] for value in example]
    model.reshape(
        {node: openvino.PartialShape(shape) for node, shape in zip(model.inputs, shapes, strict=True)}
    )
    for nodes, names in (
        (model.inputs, network.module.inputs),
        (model.outputs, network.module.outputs),
    ):
        for node, name in zip(nodes, names, strict=True):
            node.get_tensor().set_names({name})
    for key, value in network.description.items():
        model.set_rt_info(value, ["atelier", key])
    openvino.save_model(model, path, compress_to_fp16=False)


def _load_openvino(path: Path) -> Run:
    core = openvino_core()
    model = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(arrays: Arrays) -> Arrays:
        result = model(arrays)
        return [result[index] for index in range(len(model.outputs))]

    return run


def _write_torchscript(network: Exportable, path: Path) -> None:
    with _quiet():
        traced = torch.jit.freeze(_trace(network))
        traced.save(str(path), _extra_files=dict(network.description))


def _load_torchscript(path: Path) -> Run:
    with _quiet():
        module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    return _torch_run(module)


def _write_torch_export(network: Exportable, path: Path) -> None:
    with _quiet():
        program = torch.export.export(
            network.module, network.example(), dynamic_shapes=network.dynamic_shapes()
        )
        torch.export.save(program, path, extra_files=dict(network.description))


def _load_torch_export(path: Path) -> Run:
    with _quiet():
        module = torch.export.load(path).module()
    return _torch_run(module)


def _torch_run(module: Callable[..., Any]) -> Run:
    def run(arrays: Arrays) -> Arrays:
        with _quiet():
            found = module(*(torch.from_numpy(array) for array in arrays))
        outputs = found if isinstance(found, tuple | list) else (found,)
        return [output.detach().numpy() for output in outputs]

    return run


FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        Format(
            "onnx",
            ".onnx",
            "export",
            ("onnx", "onnxscript", "onnxruntime"),
            True,
            _write_onnx,
            _load_onnx,
        ),
        Format("openvino", ".xml", "openvino", ("openvino",), True, _write_openvino, _load_openvino),
        Format("torchscript", ".pt", "worker", (), False, _write_torchscript, _load_torchscript),
        Format("torch-export", ".pt2", "worker", (), False, _write_torch_export, _load_torch_export),
        Format(
            "executorch",
            ".pte",
            "executorch",
            ("executorch", "torchao"),
            True,
            executorch.write_executorch,
            executorch.load_executorch,
            executorch.LARGEST_SIDE,
            rounds=True,
        ),
        Format(
            "coreml",
            ".mlpackage",
            "coreml",
            ("coremltools",),
            False,
            core_ml.write_core_ml,
            core_ml.load_core_ml,
            core_ml.LARGEST_SIDE,
        ),
    )
}
