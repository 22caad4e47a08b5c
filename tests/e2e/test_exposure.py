"""Who gets in, by where the real web server listens; and what is left when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from support.patience import PATIENCE
from support.service_stack import ROOT, Stack

from atelier.cli import main
from jobs.local.processes import WEB
from jobs.local.supervisor import resolve


@pytest.fixture
def outside(tmp_path: Path, migrated_home: Path) -> Iterator[Stack]:
    """A service whose web server listens on every address of this machine; nothing is started."""
    stack = Stack(tmp_path)
    stack.commands["web"] = WEB.format(host="0.0.0.0", port=stack.port, threads=4).split()
    stack.copy(migrated_home)
    yield stack
    stack.stop()


def listing(stack: Stack, headers: dict[str, str] | None = None) -> httpx.Response:
    """The answer to a request for the list of jobs."""
    return httpx.get(f"{stack.url}/v1/jobs", headers=headers, trust_env=False, timeout=PATIENCE)


def test_the_server_refuses_strangers_before_there_is_a_key(outside: Stack) -> None:
    refused = subprocess.run(
        resolve(outside.commands["web"]),
        env=outside.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    said = refused.stdout + refused.stderr
    assert refused.returncode == 1
    assert len([line for line in said.splitlines() if "atelier keys create" in line]) == 1
    assert "Traceback" not in said


def test_so_does_the_command_that_starts_everything(outside: Stack) -> None:
    outside.environment["HOST"] = "0.0.0.0"
    refused = outside.atelier("up", "--port", "0")

    assert refused.returncode == 1
    assert "atelier keys create" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_setting_lets_everybody_in(outside: Stack) -> None:
    outside.environment["API_KEYS"] = "off"
    outside.start("web")

    assert listing(outside).status_code == 200


def test_with_a_key_the_key_is_asked_for(outside: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    token = outside.atelier("keys", "create", "--owner", "ada").stdout.strip()
    outside.start("web")
    headers = {"Authorization": f"Bearer {token}"}

    assert listing(outside).status_code == 401
    assert listing(outside, headers).status_code == 200

    monkeypatch.delenv("ATELIER_KEY", raising=False)
    refused = CliRunner().invoke(main, ["list", "--url", outside.url])
    monkeypatch.setenv("ATELIER_KEY", token)
    listed = CliRunner().invoke(main, ["list", "--url", outside.url])

    assert (refused.exit_code, listed.exit_code) == (3, 0)
    assert "API key" in refused.stderr

    assert outside.atelier("keys", "revoke", token.split("_")[1]).returncode == 0
    assert listing(outside, headers).status_code == 401


def test_a_loopback_address_needs_no_key(outside: Stack) -> None:
    outside.commands["web"] = WEB.format(host="127.0.0.1", port=outside.port, threads=4).split()
    outside.start("web")

    assert listing(outside).status_code == 200
    other = listing(outside, {"Host": "evil.example"})
    assert (other.status_code, other.json()["code"]) == (400, "unknown_host")


def test_a_killed_server_leaves_no_decoder_behind(
    outside: Stack, picture: Callable[..., bytes]
) -> None:
    outside.environment["API_KEYS"] = "off"
    outside.start("web")

    def send() -> int:
        files = {"file": ("p.png", picture())}
        return httpx.post(
            f"{outside.url}/v1/uploads", files=files, trust_env=False, timeout=PATIENCE
        ).status_code

    assert send() == 201
    decoders = _group(outside, "spawn_main")
    [worker] = [pid for pid in _group(outside, "gunicorn") if pid != outside.running["web"].pid]
    assert decoders

    os.kill(worker, signal.SIGKILL)

    outside.wait_until(lambda: not decoders & _group(outside, "spawn_main"))
    outside.wait_until(outside._serves)
    assert send() == 201


def _group(stack: Stack, word: str) -> set[int]:
    """The processes of the web server's group whose command line holds a word."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            pid = int(folder.name)
            if os.getpgid(pid) == stack.running["web"].pid:
                command = (folder / "cmdline").read_bytes().decode(errors="replace")
                state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
                if word in command and state != "Z":
                    found.add(pid)
        except (ProcessLookupError, FileNotFoundError):
            continue
    return found
