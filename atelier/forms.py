"""Encodes parameters as form fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def form_fields(params: Mapping[str, object]) -> dict[str, Any]:
    """Form fields of parameters. Parameters that are None are left out: the API's default holds."""
    return {name: _encode(value) for name, value in params.items() if value is not None}


def _encode(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool | list | tuple) else str(value)


def text_name(path: Path) -> str:
    """The file name as text: bytes that are not UTF-8, which file systems allow, become `�`."""
    return path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
