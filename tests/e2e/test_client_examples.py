"""The examples in the client's docstrings are run as they stand, against a real service."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from support.service_stack import Stack

from atelier import Client, client

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(scope="module")
def service_database() -> str:
    return ""


def test_the_examples_of_the_client(stack: Stack, api: Client, photo: Path) -> None:
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    names = {"atelier": api, "photo": photo, "url": stack.url, "Client": Client}
    tried = 0
    for example in doctest.DocTestFinder().find(client, globs=names):
        if example.examples:
            said: list[str] = []
            result = runner.run(example, out=said.append)
            assert result.failed == 0, "".join(said)
            tried += 1
    assert tried >= 7
