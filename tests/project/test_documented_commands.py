"""Every command of the documents is typed in, block by block, beside one real `atelier up`.

`command_table.RULES` says what is done with each; `NAMES`, what stands for a reader's own things.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import unavailable
from PIL import Image
from support.command_table import RULES, Rule
from support.documents import DOCUMENTS, ROOT, Block, blocks, shell_blocks
from support.embedded_service import embedded_service, environment_of
from support.foreign_networks import adain_decoder, fast_neural_style, vgg_normalised
from support.patience import PATIENCE
from support.receiver import Receiver
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from atelier import Client
from gallery.photographs import write_photographs
from jobs.blobs.s3 import S3Storage
from jobs.webhooks.delivery import new_secret
from tests.support.clips import pan, write_clip

pytestmark = [pytest.mark.integration, pytest.mark.exhaustive, pytest.mark.timeout(900)]

#: -e: the first command that fails ends it. curl alone would take a refusal for an answer.
PRELUDE = """
set -eu
curl() { command curl --silent --show-error --fail-with-body "$@"; }
newest() {
  case $1 in
    keys) atelier keys list --json ;;
    jobs) curl $ATELIER_URL/v1/jobs?limit=1 ;;
  esac | grep -o '"id": *"[^"]*"' | tail -n 1 | cut -d '"' -f 4
}
"""
SECRET = new_secret()


def rules_of(command: str) -> list[Rule]:
    return [rule for rule in RULES if re.fullmatch(rule.pattern, command)]


def test_every_command_is_in_one_rule_and_every_rule_is_needed() -> None:
    commands = [command for block in shell_blocks() for command in block.commands()]

    counted = {command: len(rules_of(command)) for command in commands}
    assert {command: count for command, count in counted.items() if count != 1} == {}
    needed = {rule for command in commands for rule in rules_of(command)}
    assert [rule.pattern for rule in RULES if rule not in needed] == []
    # Of the commands that are ours: these set up the system of a server, or a cluster.
    ours = [command for command in commands if not command.startswith(("sudo ", "kubectl "))]
    states = Counter(rules_of(command)[0].state for command in ours)
    assert states["run"] > states["run with less"] + states["not run"]


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the documents name: photographs, paintings of the gallery, a clip of 4 s."""
    folder = tmp_path_factory.mktemp("things")
    photographs = write_photographs(folder / "PHOTOS")
    for path in photographs:
        with Image.open(path) as image:
            image.resize((256, 192)).save(path)
    paintings = sorted((ROOT / "jobs" / "gallery").glob("*.webp"))[:6]
    for name, sources in (
        ("PAINTINGS", paintings),
        ("CONTENTS", photographs[:1]),
        ("STYLES", paintings[:1]),
        ("DIR", photographs[:2]),
    ):
        (folder / name).mkdir()
        for source in sources:
            shutil.copy(source, folder / name)
    for name, source in (
        ("photo", photographs[0]), ("painting", paintings[0]), ("a", paintings[1]), ("b", paintings[2])
    ):  # fmt: skip
        with Image.open(source) as image:
            image.convert("RGB").save(folder / f"{name}.jpg")
    mask = Image.new("L", (256, 192))
    mask.paste(255, (64, 32, 160, 160))
    for name in ("face.png", "mask.png"):
        mask.save(folder / name)
    shutil.make_archive(str(folder / "photos"), "zip", folder / "PHOTOS")
    with Image.open(photographs[1]) as image:
        for name in ("clip.mp4", "clip.mov"):
            write_clip(folder / name, pan(image, 96, 72, 20), 5)
    torch.save(fast_neural_style(), folder / "candy.pth")
    shutil.copy(
        ROOT / "nst_core" / "weights" / "johnson_base.safetensors", folder / "trained.safetensors"
    )
    torch.save(adain_decoder().state_dict(), folder / "decoder.pth")
    torch.save(vgg_normalised().state_dict(), folder / "vgg_normalised.pth")
    return folder


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def service_url(home: Path) -> Iterator[str]:
    if shutil.which("curl") is None:
        unavailable("curl", FileNotFoundError("apt-get install curl"))
    with embedded_service(home, WEBHOOK_SECRET=SECRET, WEBHOOK_ALLOW_PRIVATE="true") as url:
        yield url


Shell = Callable[[str, Path], str]


@pytest.fixture(scope="module")
def shell(home: Path, service_url: str) -> Shell:
    """Runs a script; returns what it printed."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = environment_of(home, PATH=programs, ATELIER_URL=service_url, ROOT=str(ROOT))
    environment |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    environment |= {"AWS_DEFAULT_REGION": "us-east-1"}
    environment.pop("PYTHONPATH")  # ours is installed

    def run(script: str, folder: Path) -> str:
        (folder / "commands.sh").write_text(PRELUDE + script, "utf-8")
        with subprocess.Popen(
            ["bash", "commands.sh"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate()
            except BaseException:  # stopped by hand or for the time: nothing may go on alone
                os.killpg(process.pid, signal.SIGINT)
                raise
        assert process.returncode == 0, f"exit code {process.returncode}\n{output[-6000:]}"
        return output

    return run


@pytest.fixture(scope="module")
def key(shell: Shell, home: Path) -> str:
    return re.findall(r"^atl_\S+$", shell("atelier keys create --owner ada", home), re.MULTILINE)[0]


@pytest.fixture
def folder(things: Path, tmp_path: Path) -> Path:
    """A copy of the things, and the clone's gallery where it lies in the clone."""
    folder = tmp_path / "here"
    shutil.copytree(things, folder)
    (folder / "jobs").mkdir()
    (folder / "jobs" / "gallery").symlink_to(ROOT / "jobs" / "gallery")
    return folder


@pytest.fixture
def bucket(s3_storage: S3Storage, s3_endpoint: str) -> str:
    return f"s3://{s3_storage.bucket} S3_ENDPOINT_URL={s3_endpoint}"


#: Word in a document → fixture that has what is meant, and how it is written.
NAMES = [
    (r"(http://)?(localhost|127\.0\.0\.1):8000", "service_url", "{}"),
    (r"atl_…", "key", "{}"),
    (r"https://example\.com/hooks/atelier", "receiver", "{.url}"),
    (r"postgresql://user@new/atelier", "postgres_url", "'{}'"),
    (r"s3://new", "bucket", "{}"),
    (r"(?<=\s)/(?=backups/)", "folder", "{}/"),
    (r"\bID\b", "", "$(newest jobs)"),
]


def with_names(text: str, request: pytest.FixtureRequest) -> str:
    for pattern, fixture, form in NAMES:
        if re.search(pattern, text):
            value = request.getfixturevalue(fixture) if fixture else None
            written = form.format(value) if fixture else form
            text = re.sub(pattern, lambda _, to=written: to, text)
    return text


#: Command → the first block that has it.
FIRST = {command: block for block in reversed(shell_blocks()) for command in block.commands()}


def script_of(block: Block) -> str:
    """What can be run of it, each command told before."""
    lines = []
    for command in block.commands():
        rule = next(iter(rules_of(command)), None)
        if rule is None or rule.why_not or (rule.once and FIRST[command] != block):
            continue
        lines += [f"echo {shlex.quote('$ ' + command)}", rule.script(command)]
    return "\n".join(lines)


RUNNABLE = [block for block in shell_blocks() if script_of(block)]


@pytest.mark.parametrize("block", RUNNABLE, ids=lambda block: block.name)
def test_the_commands_work(
    block: Block, folder: Path, shell: Shell, service_url: str, request: pytest.FixtureRequest
) -> None:
    shell(with_names(script_of(block), request), folder)

    with Client(service_url) as client:
        for job in client.all_jobs():
            ended = client.wait(job["id"], timeout=PATIENCE)
            assert ended["status"] in {"succeeded", "canceled"}, ended["error"]


#: Of the client; those of exports.md are run by tests/nst_core/export/test_export.py, without us.
CLIENTS = [
    block
    for block in (block for path in DOCUMENTS for block in blocks(path, "python"))
    if block.document.name not in {"exports.md", "webhooks.md"}
]


@pytest.mark.parametrize("block", CLIENTS, ids=lambda block: block.name)
def test_the_programs_work(
    block: Block, folder: Path, shell: Shell, request: pytest.FixtureRequest
) -> None:
    checked = "\nprint(media_type, len(picture))\n"
    (folder / "program.py").write_text(with_names(block.text, request) + checked, "utf-8")

    assert re.search(r"image/jpeg \d{4,}", shell("python program.py", folder))


def test_a_webhook_is_verified_as_shown(
    shell: Shell, folder: Path, receiver: Receiver, request: pytest.FixtureRequest
) -> None:
    webhooks = ROOT / "docs" / "webhooks.md"
    (command,) = next(blocks(webhooks, "sh")).commands()
    (program,) = blocks(webhooks, "python")
    shell(with_names(command, request), folder)

    told = set[str]()
    deadline = time.monotonic() + PATIENCE
    while "job.succeeded" not in told and time.monotonic() < deadline:
        time.sleep(0.1)
        while receiver.requests:
            path, headers, body = receiver.requests.pop()
            builder = EnvironBuilder(path, method="POST", headers=headers, data=body)
            names: dict[str, Any] = {"request": Request(builder.get_environ())}
            exec(program.text.replace("whsec_…", SECRET), names)
            told.add(names["message"]["type"])
    # What was rendered before, by another test, does not run again.
    assert told - {"job.running"} == {"job.succeeded"}
