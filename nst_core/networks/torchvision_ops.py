"""Make torchvision importable beside a torch build that its compiled operators do not fit.

The wheel of torchvision on the package index is built against the CUDA build of torch. Beside the CPU
build its library does not load, and importing torchvision fails while it registers a fake kernel for
an operator that was never declared. Declaring the missing operators' schemas lets the import through;
everything in pure Python (models, transforms, utils) then works, and calling one of these two
operators still fails, clearly.
"""

from __future__ import annotations

import torch

_SCHEMAS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def declare_missing_ops() -> None:
    """Declare the operators that are missing. Call before the first import of torchvision."""
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    for library in Path(spec.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(library)  # type: ignore[no-untyped-call]
        except OSError:
            continue
        return
    for name, schema in _SCHEMAS.items():
        namespace, operator = name.split("::")
        if not hasattr(getattr(torch.ops, namespace), operator):
            torch.library.define(name, schema)
