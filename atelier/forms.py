"""Parameters as the fields of a form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def texts(params: Mapping[str, object]) -> dict[str, Any]:
    """Parameters as fields of a form; what is None is left to its default."""
    return {name: _text(value) for name, value in params.items() if value is not None}


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool | list) else str(value)
