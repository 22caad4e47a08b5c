"""Parser of lists that come as text, from form fields and command-line options."""

from __future__ import annotations

import json
from typing import Any


def split_list(value: Any) -> Any:
    """Parse text as a JSON document, or as items separated by commas; other values stay as they are.

    Raises `ValueError` for invalid JSON.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text.startswith(("[", "{")):
        return [item for item in text.split(",") if item.strip()]
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"This is not JSON: {error}") from None
    except RecursionError:
        raise ValueError("This is nested too deeply") from None


def as_tuple(value: Any) -> Any:
    """Like `split_list`, but lists become tuples, which strict validation of a tuple requires."""
    items = split_list(value)
    return tuple(items) if isinstance(items, list) else items
