"""Checks for text and numbers that a database can't store, in addresses and fields."""

from __future__ import annotations

import re

from flask import Flask, request

from jobs.errors import InvalidParamsError, NotFoundError

#: NUL, which PostgreSQL can't store, and lone surrogates, which are no characters.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
#: Largest value of an integer column.
_MAX_INTEGER = 2**31 - 1
UNSTORABLE = "This has a character that can't be stored (NUL)."


def is_storable(text: str) -> bool:
    """Whether a database can store the text."""
    return _UNSTORABLE.search(text) is None


def register(app: Flask) -> None:
    """Register the check of the address of every authorized request."""
    app.before_request(_check_address)


def _check_address() -> None:
    for value in (request.view_args or {}).values():
        if isinstance(value, str) and not is_storable(value):
            raise NotFoundError("No resource has this address.")
        if isinstance(value, int) and value > _MAX_INTEGER:
            raise NotFoundError("No resource has this address.")
    unstorable = [
        (name, UNSTORABLE)
        for name, value in request.args.items(multi=True)
        if not is_storable(name) or not is_storable(value)
    ]
    if unstorable:
        raise InvalidParamsError(unstorable)
