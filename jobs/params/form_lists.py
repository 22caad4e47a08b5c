"""Lists in form fields: JSON, or texts separated by commas."""

from __future__ import annotations

import json
from typing import Any


def split_list(value: Any) -> Any:
    """Parse the text of a form field into a list. A value that is not a text is returned unchanged."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text.startswith(("[", "{")):
        return [part for part in text.split(",") if part.strip()]
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"This is not JSON: {error}") from None
    except RecursionError:
        raise ValueError("This is nested too deeply") from None
