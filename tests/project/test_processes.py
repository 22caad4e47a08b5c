from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.local.processes import HEALTH, embedded, procfile
from jobs.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_the_procfile_is_the_list_of_processes() -> None:
    lines = (ROOT / "Procfile").read_text().strip().splitlines()

    assert dict(line.split(": ", 1) for line in lines) == procfile()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file with every profile, as Compose itself reads it."""
    env = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [
            Path(sys.executable).parent / "docker-compose",
            "--profile",
            "*",
            "config",
            "--format",
            "json",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=env,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


def test_the_compose_file_runs_the_same_processes(compose: dict[str, Any]) -> None:
    defaults = {"${PORT:-8000}": "8000", "${WEB_THREADS:-16}": "16"}
    for name, command in procfile().items():
        for variable, value in defaults.items():
            command = command.replace(variable, value)
        assert compose[name]["command"] == command.split()
        if name.startswith("worker"):
            assert compose[f"{name}-gpu"]["command"] == command.split()

    ours = {name for name, service in compose.items() if "build" in service}
    gpu = {f"{name}-gpu" for name in procfile() if name.startswith("worker")}
    assert ours == {*procfile(), *gpu}
    profiles = {name: service["profiles"] for name, service in compose.items() if "profiles" in service}
    assert profiles == {
        "worker-stylize-gpu": ["gpu"],
        "worker-train-gpu": ["gpu"],
        "s3": ["s3"],
        "prometheus": ["monitoring"],
        "grafana": ["monitoring"],
        "flower": ["flower"],
    }
    assert set(compose) - ours - set(profiles) == {"postgres", "redis"}


def test_every_service_is_locked_down_and_watched(compose: dict[str, Any]) -> None:
    stages = re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for name, service in compose.items():
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1", name
        if name != "release":  # which ends by itself
            assert service["healthcheck"]["test"], name
        if "build" not in service:
            continue
        assert service["build"]["target"] in stages
        assert (service["read_only"], service["tmpfs"]) == (True, ["/tmp"]), name
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
        assert [mount["target"] for mount in service["volumes"]] == ["/data"], name
    for name, command in HEALTH.items():
        for twin in {name, f"{name}-gpu"} & set(compose):
            # In the file a dollar sign is written twice, or Compose would put a variable of its own.
            test = [word.replace("$$", "$") for word in compose[twin]["healthcheck"]["test"]]
            assert test == ["CMD-SHELL", command], twin


def test_no_image_runs_as_root() -> None:
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    final = [stage for stage in stages if re.match(r"base AS (web|worker-cpu|worker-cuda)\n", stage)]

    assert len(final) == 3
    assert all(stage.count("USER 10001:10001") == 1 for stage in final)


def test_redis_keeps_tokens_and_a_gpu_is_reserved(compose: dict[str, Any]) -> None:
    redis = " ".join(compose["redis"]["command"])
    devices = compose["worker-train-gpu"]["deploy"]["resources"]["reservations"]["devices"]

    assert "--appendonly yes --maxmemory-policy noeviction" in redis
    assert [(device["driver"], device["capabilities"]) for device in devices] == [("nvidia", ["gpu"])]


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
        ("atelier.cli", ["torch", "celery", "flask", "sqlalchemy"]),
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

    from jobs.queue.broker import make_celery

    known = {name for name, _ in flatten(NAMESPACES)}
    changed = set(make_celery("redis://127.0.0.1:1/0").conf.changes)

    assert changed - known == {"deprecated_settings"}  # Celery's own note that there are none
