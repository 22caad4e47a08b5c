"""Files of networks: what their header says, read without the tensors and without PyTorch."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

from jobs.errors import InvalidParamsError

FORMAT = "atelier-network/1"
MEDIA_TYPE = "application/vnd.safetensors"
#: Architecture → whether its style is in its weights.
ARCHITECTURES = {
    "johnson": True,
    "fast_neural_style": True,
    "slim_adain": False,
    "full_adain": False,
    "adain_vgg19": False,
}
_LONGEST_HEADER = 1_000_000
_WIDTHS = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}


@dataclass(frozen=True, kw_only=True)
class NetworkHeader:
    """What a network's file says of itself."""

    architecture: str
    metadata: dict[str, Any]

    @property
    def styled(self) -> bool:
        """Whether its style is in its weights; others take any."""
        return ARCHITECTURES[self.architecture]


def read_header(data: bytes, *, pointer: str = "file") -> NetworkHeader:
    """The header of a whole file. Raises `InvalidParamsError` for anything but a network of ours."""
    try:
        (length,) = struct.unpack_from("<Q", data)
        if not 2 <= length <= min(_LONGEST_HEADER, len(data) - 8):
            raise ValueError
        header = json.loads(data[8 : 8 + length])
        said = {key: json.loads(value) for key, value in header.pop("__metadata__").items()}
        # Neither databases nor JSON have a place for infinity, or for what is no number.
        json.dumps(said, allow_nan=False)
        end = max(_end_of(name, tensor) for name, tensor in header.items())
    except (ValueError, KeyError, TypeError, AttributeError, struct.error, RecursionError):
        raise _wrong(pointer, "This is not a network that Atelier saved (safetensors).") from None
    if said.get("format") != FORMAT:
        raise _wrong(pointer, "This safetensors file is not a network that Atelier saved.")
    if str(said.get("architecture")) not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise _wrong(pointer, f"Its architecture is not known here; there are {known}.")
    if 8 + length + end != len(data):
        raise _wrong(pointer, "The file is not whole.")
    return NetworkHeader(architecture=said["architecture"], metadata=said)


def _end_of(name: str, tensor: dict[str, Any]) -> int:
    begin, end = tensor["data_offsets"]
    count = 1
    for side in tensor["shape"]:
        if not isinstance(side, int) or side < 0:
            raise ValueError(name)
        count *= side
    if not 0 <= begin <= end or end - begin != count * _WIDTHS[tensor["dtype"]]:
        raise ValueError(name)
    return int(end)


def _wrong(pointer: str, detail: str) -> InvalidParamsError:
    return InvalidParamsError([(pointer, detail)])
