"""The root of all errors that `nst_core` raises for people to read."""

from __future__ import annotations


class NstError(ValueError):
    """An input or a setting that can't be used. The text is one line: the cause, and what to do.

    Command lines print the text, and jobs fail with it at once, since another attempt would fail too.
    Every other exception, such as a `ValueError` of a library, is a defect: its text is only logged.
    """
