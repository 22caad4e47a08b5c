"""Short ids of jobs: any prefix that only one of the caller's jobs has, as `docker` and `git` take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from atelier import Client

#: Characters of an id in tables.
SHORT = 8
_PREFIX = re.compile(r"[0-9a-f-]{1,35}")


def full_id(client: Client, text: str) -> str:
    """The id of the job that `text` names. Text that fits no job is returned as it is.

    Raises `click.UsageError` if several jobs have the prefix.
    """
    prefix = text.lower()
    if not _PREFIX.fullmatch(prefix):
        return text
    found = client.jobs(id_prefix=prefix, limit=2)
    if len(found) > 1:
        raise click.UsageError(f"Several jobs begin with {text}; give more characters of the id.")
    return found[0]["id"] if found else text
