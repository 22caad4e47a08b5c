"""Text and numbers in addresses and fields that no database keeps, refused before anything is asked."""

from __future__ import annotations

import re

from flask import Flask, request

from jobs.errors import InvalidParamsError, NotFoundError

#: NUL, which PostgreSQL has no place for, and halves of a character, which are none.
_UNKEPT = re.compile("[\0\ud800-\udfff]")
#: The largest that a column of ours takes.
_LARGEST = 2**31 - 1
UNKEPT = "This has a character that can't be kept (NUL)."


def is_kept(text: str) -> bool:
    """Whether a database can keep the text."""
    return _UNKEPT.search(text) is None


def register(app: Flask) -> None:
    """Look at the address of every request that was let in."""
    app.before_request(_check_address)


def _check_address() -> None:
    for value in (request.view_args or {}).values():
        if isinstance(value, str) and not is_kept(value):
            raise NotFoundError("There is nothing at this address.")
        if isinstance(value, int) and value > _LARGEST:
            raise NotFoundError("There is nothing at this address.")
    unkept = [
        (name, UNKEPT)
        for name, value in request.args.items(multi=True)
        if not is_kept(name) or not is_kept(value)
    ]
    if unkept:
        raise InvalidParamsError(unkept)
