"""Network files from clients: weights that are no numbers are refused without PyTorch."""

from __future__ import annotations

import json
import struct
import time

import pytest

from jobs.catalog.network_header import read_header
from jobs.errors import InvalidParamsError


def network(dtype: str, values: bytes) -> bytes:
    width = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}[dtype]
    header = {
        "__metadata__": {"format": '"atelier-network/1"', "architecture": '"johnson"'},
        "w": {"dtype": dtype, "shape": [len(values) // width], "data_offsets": [0, len(values)]},
    }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + values


def encoded(dtype: str, *values: float) -> bytes:
    if dtype == "BF16":
        return b"".join(struct.pack("<f", value)[2:] for value in values)
    return struct.pack(f"<{len(values)}" + {"F64": "d", "F32": "f", "F16": "e"}[dtype], *values)


@pytest.mark.parametrize(
    ("dtype", "largest"), [("F64", 1e308), ("F32", 3e38), ("F16", 65_504), ("BF16", 3e38)]
)
def test_weights_that_are_no_numbers_are_refused(dtype: str, largest: float) -> None:
    sound = encoded(dtype, 0.0, -1.5, largest, -largest)
    assert read_header(network(dtype, sound)).architecture == "johnson"
    for bad in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(InvalidParamsError, match=r"weights that are no numbers \(w\)"):
            read_header(network(dtype, sound + encoded(dtype, bad)))


@pytest.mark.parametrize("shape", ["[" + "9" * 4000 + "]", "[" + ",".join(["9"] * 400_000) + "]"])
def test_a_header_of_huge_numbers_is_refused_before_they_are_multiplied(shape: str) -> None:
    """Products of 400,000 sides take seconds; the header of a tensor has few and small numbers."""
    text = (
        '{"__metadata__":{"format":"\\"atelier-network/1\\"","architecture":"\\"johnson\\""},'
        f'"w":{{"dtype":"F32","shape":{shape},"data_offsets":[0,4]}}}}'
    ).encode()
    began = time.process_time()
    with pytest.raises(InvalidParamsError, match="not a network that Atelier saved"):
        read_header(struct.pack("<Q", len(text)) + text + b"\0" * 4)
    # Seconds of the processor: the parse takes a tenth, the products took five.
    assert time.process_time() - began < 1.0
