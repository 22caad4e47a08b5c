"""Header of a network file (safetensors), read without its tensors and without PyTorch."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

from jobs.errors import InvalidParamsError
from params.errors import SettingsError
from params.network_files import check_network_metadata

FORMAT = "atelier-network/1"
MEDIA_TYPE = "application/vnd.safetensors"
#: Architecture → whether its networks have one fixed style. Others have one if they were tuned to it.
ARCHITECTURES = {
    "johnson": True,
    "fast_neural_style": True,
    "slim_adain": False,
    "full_adain": False,
    "adain_vgg19": False,
}
_MAX_HEADER_BYTES = 1_000_000
#: Most dimensions of a tensor.
_MAX_SIDES = 8
#: Most digits of an integer: Python's time to read one grows with the square of its length.
_MAX_DIGITS = 20
#: Bytes of one element, by the dtype of a tensor.
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
    """Metadata of a network file."""

    architecture: str
    metadata: dict[str, Any]

    @property
    def styled(self) -> bool:
        """Whether the network has one fixed style: by its architecture, or because it was tuned."""
        return ARCHITECTURES[self.architecture] or self.statistics is not None

    @property
    def statistics(self) -> object:
        """The statistics of the style that the network was tuned to; None for other networks."""
        style = self.metadata.get("style")
        return style.get("statistics") if isinstance(style, dict) else None


def read_header(data: bytes, *, pointer: str = "file") -> NetworkHeader:
    """Read the header of a network file. Raises `InvalidParamsError` for any other file."""
    try:
        (length,) = struct.unpack_from("<Q", data)
        if not 2 <= length <= min(_MAX_HEADER_BYTES, len(data) - 8):
            raise ValueError
        header = _loads(data[8 : 8 + length])
        metadata = {key: _loads(value) for key, value in header.pop("__metadata__").items()}
        # Infinity and NaN can't be stored as JSON.
        json.dumps(metadata, allow_nan=False)
        end = max(_end_of(name, tensor, len(data)) for name, tensor in header.items())
    except (ValueError, KeyError, TypeError, AttributeError, struct.error, RecursionError):
        raise _error(pointer, "This is not a network that Atelier saved (safetensors).") from None
    if metadata.get("format") != FORMAT:
        raise _error(pointer, "This safetensors file is not a network that Atelier saved.")
    if str(metadata.get("architecture")) not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise _error(pointer, f"The architecture of this network is unknown; known are {known}.")
    try:
        check_network_metadata(str(metadata["architecture"]), metadata)
    except SettingsError as error:
        raise _error(pointer, f"The settings of this network are not valid. {error}") from None
    if 8 + length + end != len(data):
        raise _error(pointer, "The file is incomplete.")
    for name, tensor in header.items():
        begin, stop = (8 + length + offset for offset in tensor["data_offsets"])
        if not _is_finite(data[begin:stop], tensor["dtype"]):
            raise _error(pointer, f"The network holds weights that are no numbers ({name[:80]}).")
    return NetworkHeader(architecture=metadata["architecture"], metadata=metadata)


def _loads(text: str | bytes) -> Any:
    return json.loads(text, parse_int=_integer)


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError("an integer is too long")
    return int(digits)


def _is_finite(values: bytes, dtype: str) -> bool:
    """Whether floating-point values (little-endian) have no NaN and no infinity.

    Both have an exponent of ones alone, which is looked for in the highest bytes, without PyTorch.
    """
    if dtype == "F16":
        return not _has_any(values[1::2], _F16_SPECIAL)
    if dtype == "BF16":
        return all(values[2 * at] < 0x80 for at in _places(values[1::2]))
    if dtype == "F32":
        return all(values[4 * at + 2] < 0x80 for at in _places(values[3::4]))
    if dtype == "F64":
        return all(values[8 * at + 6] < 0xF0 for at in _places(values[7::8]))
    return True


#: Highest bytes of half-precision numbers whose exponent is all ones.
_F16_SPECIAL = bytes((*range(0x7C, 0x80), *range(0xFC, 0x100)))


def _has_any(highest: bytes, special: bytes) -> bool:
    return len(highest.translate(None, special)) < len(highest)


def _places(highest: bytes) -> list[int]:
    """Positions of the bytes that begin the largest exponents of wider numbers."""
    if not _has_any(highest, b"\x7f\xff"):
        return []
    return [place for place, value in enumerate(highest) if value in (0x7F, 0xFF)]


def _end_of(name: str, tensor: dict[str, Any], most: int) -> int:
    begin, end = tensor["data_offsets"]
    if len(tensor["shape"]) > _MAX_SIDES:
        raise ValueError(name)
    count = 1
    for side in tensor["shape"]:
        # Each side is bounded before it is multiplied: numbers with many digits take seconds.
        if not isinstance(side, int) or not 0 <= side <= most:
            raise ValueError(name)
        count *= side
    if not 0 <= begin <= end or end - begin != count * _WIDTHS[tensor["dtype"]]:
        raise ValueError(name)
    return int(end)


def _error(pointer: str, detail: str) -> InvalidParamsError:
    return InvalidParamsError([(pointer, detail)])
