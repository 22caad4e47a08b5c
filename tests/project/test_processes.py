from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from jobs.processes import embedded, procfile
from jobs.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_the_procfile_is_the_list_of_processes() -> None:
    lines = (ROOT / "Procfile").read_text().strip().splitlines()

    assert dict(line.split(": ", 1) for line in lines) == procfile()


def test_the_compose_file_runs_the_same_processes() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    defaults = {"${PORT:-8000}": "8000", "${WEB_THREADS:-16}": "16"}

    for name, command in procfile().items():
        for variable, value in defaults.items():
            command = command.replace(variable, value)
        assert services[name]["command"] == command
    assert set(services) == {*procfile(), "postgres", "redis"}


def test_the_embedded_processes_are_of_the_procfile(settings: Settings) -> None:
    assert set(embedded(settings, 8000)) <= set(procfile())


@pytest.mark.parametrize("process", ["worker-stylize", "worker-train"])
def test_celery_knows_every_flag(process: str) -> None:
    command = procfile()[process].split()
    flags = [word.split("=")[0] for word in command if word.startswith("--")]

    help_ = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "worker.celery", "worker", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        env={**os.environ, "REDIS_URL": "redis://127.0.0.1:1/0"},
    ).stdout

    assert all(flag in help_ for flag in flags)


@pytest.mark.parametrize(
    ("module", "banned"),
    [
        ("worker.celery", ["torch", "flask"]),
        ("web.wsgi", ["torch", "worker", "nst_core"]),
        ("jobs.cli", ["torch", "celery", "flask", "sqlalchemy"]),
        ("nst_core.commands.stylize", ["torch"]),
    ],
)
def test_what_importing_a_package_must_not_import(
    module: str, banned: list[str], tmp_path: Path
) -> None:
    code = f"import sys, {module}; print([m for m in {banned!r} if m in sys.modules])"
    env = {**os.environ, "ATELIER_HOME": str(tmp_path), "REDIS_URL": "redis://127.0.0.1:1/0"}
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=env, check=True
    )

    assert out.stdout.strip() == "[]"


def test_the_celery_settings_are_ones_that_celery_has() -> None:
    from celery.app.defaults import NAMESPACES, flatten

    from jobs.queue import make_celery

    known = {name for name, _ in flatten(NAMESPACES)}
    changed = set(make_celery("redis://127.0.0.1:1/0").conf.changes)

    assert changed - known == {"deprecated_settings"}  # Celery's own note that there are none
