"""Lists that come as text in forms."""

from __future__ import annotations

import json
from typing import Any


def split_list(value: Any) -> Any:
    """A list from a form's text: JSON, or parts between commas. Anything else as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text.startswith(("[", "{")):
        return [part for part in text.split(",") if part.strip()]
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"This is no JSON: {error}") from None
    except RecursionError:
        raise ValueError("This is nested too deeply") from None
