"""docs/two-machines.md, with the commands of the systemd units, on two network namespaces as hosts."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import unavailable
from PIL import Image
from support.two_machines import (
    BIN,
    FIRST,
    ROOT,
    SECOND,
    UNITS,
    Machine,
    NamespacesNotAllowed,
    Postgres,
    connect,
    disconnect,
    exec_start,
    unit_settings,
)

from jobs.local.processes import procfile
from jobs.local.redis_server import redis_command
from jobs.settings import Settings

#: In place of the proxy: connections to the first machine's address are passed on to the web server.
RELAY = """
import asyncio
async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
async def pass_on(reader, writer):
    other_reader, other_writer = await asyncio.open_connection("127.0.0.1", 8000)
    await asyncio.gather(pump(reader, other_writer), pump(other_reader, writer))
async def main():
    server = await asyncio.start_server(pass_on, "10.0.0.1", 443)
    await server.serve_forever()
asyncio.run(main())
"""


def test_the_units_run_the_processes_of_the_procfile() -> None:
    expected = {name: command for name, command in procfile().items() if name != "release"}
    units = {path.stem.removeprefix("atelier-") for path in UNITS.glob("*.service")}
    assert units == set(expected)
    # Behind a proxy on the same machine, the web server listens on loopback.
    replaced = {"0.0.0.0": "127.0.0.1", "${PORT:-8000}": "8000", "${WEB_THREADS:-16}": "16"}
    for name, command in expected.items():
        for old, new in replaced.items():
            command = command.replace(old, new)
        assert exec_start(name) == f"/opt/atelier/bin/{command}"


def test_the_settings_are_ones_that_exist() -> None:
    assert {name.lower() for name in unit_settings()} <= set(Settings.model_fields)


def test_the_proxies_let_the_largest_body_and_long_answers_through() -> None:
    settings = Settings(_env_file=None)
    largest = (settings.max_upload_mb + settings.max_video_mb + 1) * 4 / 3
    patterns = {"nginx.conf": r"client_max_body_size (\d+)m", "Caddyfile": r"max_size (\d+)MB"}
    for name, pattern in patterns.items():
        text = (ROOT / "deploy" / "proxy" / name).read_text()
        [megabytes] = re.findall(pattern, text)
        assert int(megabytes) >= largest
        assert re.search(r"read_timeout 5m", text)
        assert "127.0.0.1:8000" in text
    headers = (ROOT / "deploy" / "proxy" / "nginx.conf").read_text()
    assert all(f"X-Forwarded-{name} " in headers for name in ("For", "Proto", "Host"))


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    """The first machine and the second, connected by a network that leads nowhere else."""
    first, second = Machine("first", tmp_path / "first"), Machine("second", tmp_path / "second")
    try:
        connect(first, second)
    except NamespacesNotAllowed as error:
        disconnect(first, second)
        pytest.skip(f"network namespaces are not possible here: {error}")
    yield first, second
    second.stop()
    first.stop()
    disconnect(first, second)


@pytest.fixture
def photo(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(picture(96, 64))
    return path


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    # A short path outside pytest's private folders: the server runs as a user of its own.
    folder = Path(tempfile.mkdtemp(prefix="atelier-two-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        server = Postgres(folder, "database-password")
    except Exception as error:
        unavailable("PostgreSQL", error)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_picture_is_painted_by_the_other_machine(
    machines: tuple[Machine, Machine], postgres: Postgres, photo: Path, tmp_path: Path
) -> None:
    first, second = machines
    # A folder that both see, as an NFS share is.
    store = tmp_path / "store"
    store.mkdir()
    passwords = {"DATABASE_PASSWORD": "database-password", "REDIS_PASSWORD": "redis-password"}
    settings = unit_settings(**passwords, SECRET="a secret of this test")
    settings["STORAGE_URL"] = store.as_uri()

    postgres.start(first)
    redis = redis_command(first.home / "redis", 6379)
    redis[redis.index("--bind") + 1] = FIRST
    first.start(*redis, "--requirepass", "redis-password")
    first.wait_for(FIRST, 6379)
    first.run(BIN / "atelier", "migrate", settings=settings)
    made = first.run(BIN / "atelier", "keys", "create", "--owner", "ada", settings=settings)
    first.start_unit("web", settings)
    first.start_unit("maintenance", settings)
    first.start(sys.executable, "-c", RELAY)
    second.start_unit("worker-stylize", settings)
    first.wait_for("127.0.0.1", 8000)
    second.wait_for(FIRST, 443)

    # Only the ports of the table are open to the other machine.
    open_ports = [port for port in (443, 5432, 6379, 8000) if second.reaches(FIRST, port)]
    assert open_ports == [443, 5432, 6379]
    assert not first.reaches(SECOND, 8000)

    caller = {"ATELIER_URL": f"http://{FIRST}:443", "ATELIER_KEY": ""}
    refused = second.run(BIN / "atelier", "list", settings=caller, ok=False)
    assert (refused.returncode, "API key" in refused.stderr) == (3, True)
    caller["ATELIER_KEY"] = made.stdout.strip()
    out = tmp_path / "painted.png"
    submit = (BIN / "atelier", "submit", photo, "woodcut", "--size", "64", "-o", out)
    done = second.run(*submit, settings=caller, ok=False)
    assert done.returncode == 0, f"{done.stderr}\n{first.logs()}\n{second.logs()}"
    with Image.open(out) as image:
        assert max(image.size) == 64
    assert "woodcut" in second.run(BIN / "atelier", "list", settings=caller).stdout
    first.run(BIN / "atelier", "maintenance", "--check", settings=settings)
