from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.service_stack import ROOT, Stack

from atelier import Client


@pytest.fixture
def stack(tmp_path: Path, database_url: str) -> Iterator[Stack]:
    stack = Stack(tmp_path, database_url)
    subprocess.run(
        [sys.executable, "-m", "atelier", "migrate"],
        env=stack.environment,
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    try:
        stack.start("redis", "web", "worker", "maintenance")
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def api(stack: Stack) -> Iterator[Client]:
    with Client(stack.url) as client:
        yield client


@pytest.fixture
def photo(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(picture(96, 64))
    return path


@pytest.fixture
def painting(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    path = tmp_path / "painting.png"
    path.write_bytes(picture(64, 64, seed=1))
    return path
