"""Settings of `atelier export` and of `export` jobs."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: Formats with int8.
INT8_FORMATS = frozenset({"onnx", "openvino", "executorch"})


class ExportSettings(BaseModel):
    """Format and precision of an exported network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["onnx", "openvino", "torchscript", "torch-export", "executorch", "coreml"] = Field(
        "onnx",
        description=(
            "Format of the file. Files of `executorch` (sides up to 1024 pixels) and `coreml` (up to "
            "4096) take one picture at a time, all others any size and batch. A job sends the files of "
            "`openvino` and `coreml` as a zip archive."
        ),
    )
    precision: Literal["fp32", "int8"] = Field(
        "fp32",
        description="`int8` is for `onnx` and `openvino` of networks that have it, and `executorch`.",
    )

    @model_validator(mode="after")
    def _has_int8(self) -> Self:
        if self.precision == "int8" and self.format not in INT8_FORMATS:
            raise ValueError(f"{self.format} has no int8; onnx, openvino and executorch have.")
        return self
