"""Passwords in addresses, and secrets in the environment, in the logs of the real processes."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.patience import PATIENCE
from support.service_stack import ROOT, Stack

from jobs.local.supervisor import resolve

PASSWORD = "hunter2-of-the-tests"
SIGNING = "whsec_aHVudGVyMi1vZi10aGUtdGVzdHMtaHVudGVyMg=="


@pytest.mark.parametrize(
    ("process", "broker", "said"),
    [
        ("worker", "redis://ada:{}@127.0.0.1:1/0", "Cannot connect to redis://"),
        ("worker", "amqp://ada:{}@127.0.0.1:1//", "Cannot connect to amqp://"),
        ("maintenance", "redis://ada:{}@127.0.0.1:1/0", "maintenance could not"),
    ],
)
def test_no_process_logs_a_password(tmp_path: Path, process: str, broker: str, said: str) -> None:
    """All that they need is away; they say so in every detail that they have, without a secret."""
    stack = Stack(tmp_path, f"postgresql://ada:{PASSWORD}@127.0.0.1:1/atelier")
    secrets = {"WEBHOOK_SECRET": SIGNING, "SECRET_KEY": PASSWORD, "AWS_SECRET_ACCESS_KEY": PASSWORD}
    stack.environment |= secrets | {"LOG_LEVEL": "DEBUG", "BROKER_URL": broker.format(PASSWORD)}
    log = tmp_path / "log"
    with log.open("wb") as file:
        running = subprocess.Popen(
            resolve(stack.commands[process]),
            env=stack.environment,
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while said not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()

    written = log.read_text()
    assert said in written
    for secret in (PASSWORD, SIGNING, SIGNING.removeprefix("whsec_")):
        assert secret not in written
