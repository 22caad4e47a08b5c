"""Files that a call uploads: from a path, bytes, an open file or a PIL image."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from atelier.forms import text_name
from atelier.upload_progress import OnSent, open_stream

#: Modes of PIL images that PNG can store; an image of another mode is converted to RGB.
_PNG_MODES = frozenset({"1", "L", "LA", "I;16", "P", "RGB", "RGBA"})


class PillowImage(Protocol):
    """The part of `PIL.Image.Image` that is used, so that the client does not need Pillow."""

    @property
    def mode(self) -> str:
        """The pixel format."""
        ...

    def convert(self, mode: str, /) -> Any:
        """A copy in another pixel format."""
        ...

    def save(self, fp: Any, format: str | None = None, /) -> None:
        """Encode the image into a file."""
        ...


#: What the client takes as a picture or another file.
Source = str | os.PathLike[str] | bytes | BinaryIO | PillowImage


@dataclass(frozen=True)
class UploadFile:
    """A file of a request: its name, and a function that opens its bytes for one attempt."""

    name: str
    open: Callable[[OnSent | None], BinaryIO]


def upload_file(field: str, source: Source) -> UploadFile:
    """The file of the form field `field`.

    An open file is read from its position to its end, once, because an attempt may be repeated. A PIL
    image is sent as PNG. Raises `TypeError` for anything else.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return UploadFile(text_name(path), lambda on_sent: open_stream(io.FileIO(path), on_sent))
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_bytes(field, bytes(source))
    if hasattr(source, "read"):
        data = source.read()
        if not isinstance(data, bytes):
            raise TypeError(f"{field}: open the file in binary mode, 'rb'.")
        name = getattr(source, "name", None)
        return _from_bytes(text_name(Path(name)) if isinstance(name, str) else field, data)
    if hasattr(source, "save") and hasattr(source, "mode"):
        return _from_bytes(f"{field}.png", _as_png(source))
    raise TypeError(
        f"{field}: a path, bytes, a file opened in binary mode or a PIL image is needed, "
        f"not {type(source).__name__}."
    )


def _from_bytes(name: str, data: bytes) -> UploadFile:
    return UploadFile(name, lambda on_sent: open_stream(io.BytesIO(data), on_sent))


def _as_png(image: PillowImage) -> bytes:
    writable = image if image.mode in _PNG_MODES else image.convert("RGB")
    buffer = io.BytesIO()
    writable.save(buffer, "PNG")
    return buffer.getvalue()
