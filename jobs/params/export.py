"""Parameters of `export` jobs. Names and defaults are those of the command line."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jobs.params.fields import NetworkChoice

#: Formats with int8.
INT8_FORMATS = frozenset({"onnx", "openvino"})


class ExportParams(BaseModel):
    """Parameters of an `export` job."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: str = Field(
        pattern=NetworkChoice,
        description="A bundled network, or one of /v1/networks: `NAME` or `NAME@VERSION`.",
        examples=["slim"],
    )
    format: Literal["onnx", "openvino", "torchscript", "torch-export"] = Field(
        "onnx", description="Format of the file; `openvino` is a zip archive of its two files."
    )
    precision: Literal["fp32", "int8"] = Field(
        "fp32", description="`int8` is for `onnx` and `openvino`, and networks that have it."
    )

    @model_validator(mode="after")
    def _has_int8(self) -> Self:
        if self.precision == "int8" and self.format not in INT8_FORMATS:
            raise ValueError(f"{self.format} has no int8; onnx and openvino have.")
        return self
