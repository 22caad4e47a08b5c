"""The images' commands, run in environments that hold what the images would, and no more."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from conftest import unavailable
from support.image_environment import Image
from support.patience import PATIENCE
from support.ports import free_port
from support.service_stack import OUTSIDE

from jobs.local.processes import HEALTH
from jobs.local.redis_server import redis_command, wait_for_redis

ROOT = Path(__file__).resolve().parents[2]
#: Without PYTHONPATH: an image holds what is installed in it.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name not in {*OUTSIDE, "PYTHONPATH"}
}
#: Everything is read-only but the folder, as under `read_only: true`.
READ_ONLY = ["unshare", "--mount", "sh", "-c"]
READ_ONLY += ['mount --bind "$0" "$0" && mount -o remount,ro,bind / && cd "$0" && exec "$@"']


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Image → the folder of its programs."""
    folder = tmp_path_factory.mktemp("images")
    return {name: Image.of(name).build(folder / name) for name in ("web", "worker-cpu")}


def test_the_web_image_has_no_network_code(images: dict[str, Path]) -> None:
    code = (
        "from importlib.util import find_spec\n"
        "print([m for m in ('torch', 'torchvision', 'openvino', 'numpy', 'cv2', 'nst_core', 'worker')"
        " if find_spec(m)])"
    )
    assert run(images["web"] / "python", "-c", code).stdout.strip() == "[]"


def test_commands_that_an_image_lacks_say_so_in_a_line(images: dict[str, Path]) -> None:
    listed = run(images["web"] / "atelier", "--help").stdout
    assert "maintenance" in listed
    assert not re.search(r"^ +(stylize|train) ", listed, re.MULTILINE)

    lacking = run(images["web"] / "atelier", "stylize", "a.jpg", "b.jpg", "-o", "c.jpg", code=1)
    assert lacking.stderr == "Error: stylize is not part of this installation: it has no nst_core.\n"


def test_a_plain_installation_says_what_it_lacks(tmp_path: Path) -> None:
    everything = [
        "atelier",
        "bench",
        "imaging",
        "jobs",
        "migrations",
        "nst_core",
        "params",
        "web",
        "worker",
    ]
    bin_ = Image(everything, set()).build(tmp_path / "plain")
    photo = str(ROOT / "jobs" / "gallery" / "woodcut.webp")

    lacking = run(bin_ / "atelier", "stylize", photo, photo, "-o", "c.jpg", code=1)

    missing = re.fullmatch(
        r"Error: stylize needs (\w+), which is not installed: pip install 'atelier\[worker\]'.\n",
        lacking.stderr,
    )
    assert missing is not None, lacking.stderr
    assert missing[1] in {"numpy", "torch"}
    assert "atelier up runs workers, which need torch" in run(bin_ / "atelier", "up", code=1).stderr


@pytest.mark.parametrize("image", ["web", "worker-cpu"])
def test_every_command_has_its_help(images: dict[str, Path], image: str) -> None:
    atelier = images[image] / "atelier"
    listed = re.findall(r"^  ([a-z-]+)  ", run(atelier, "--help").stdout, re.MULTILINE)

    assert len(listed) > 10
    code = (
        "import sys; from atelier.cli import main; import click\n"
        "for name in sys.argv[1:]:\n"
        "    main([name, '--help'], standalone_mode=False)"
    )
    assert "Traceback" not in run(images[image] / "python", "-c", code, *listed).stderr


def test_what_the_images_copy_is_what_reaches_the_engine() -> None:
    lines = [
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")
    ]
    copied = {name for line in lines if "--from" not in line for name in line.split()[1:-1]}
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }

    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


def test_the_dockerfile_passes_its_linter() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([linter, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def run(program: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [program, *arguments],
        cwd=program.parent,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def compose() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return services


@pytest.fixture
def container(
    images: dict[str, Path], compose: dict[str, Any], tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a service of the compose file: its command and image, nothing writable but its folders."""
    try:
        subprocess.run([*READ_ONLY, str(tmp_path), "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        unavailable("a mount namespace", error)
    redis_port, running = free_port(), dict[str, subprocess.Popen[bytes]]()
    (tmp_path / "redis").mkdir()
    redis = subprocess.Popen(redis_command(tmp_path / "redis", redis_port), stdout=subprocess.DEVNULL)
    wait_for_redis(redis_port, redis)
    environment = {
        **ENVIRONMENT,
        "ATELIER_HOME": str(tmp_path / "data"),
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "PULSE_FILE": str(tmp_path / "maintenance.pulse"),
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path / "tmp"),
        "HOSTNAME": socket.gethostname(),
        "API_KEYS": "off",
        "RUNTIME": "torch",
        "TORCH_THREADS": "1",
    }
    (tmp_path / "tmp").mkdir()

    def start(name: str, port: int, check: str | None = None) -> subprocess.Popen[bytes]:
        image = images[compose[name]["image"].removeprefix("atelier-")]
        command = (check or compose[name]["command"]).replace("8000", str(port))
        words = ["sh", "-c", command] if check else command.split()
        with (tmp_path / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*READ_ONLY, str(tmp_path), *words],
                env={**environment, "PATH": f"{image}:{os.environ['PATH']}"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running[f"{name}-{len(running)}"] = process
        return process

    try:
        yield start
    finally:
        for process in running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)
        redis.kill()
        redis.wait(PATIENCE)
        shutil.rmtree(tmp_path / "tmp", ignore_errors=True)


@pytest.mark.integration
@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_the_images_are_the_service_on_a_read_only_root(
    container: Callable[..., subprocess.Popen[bytes]],
    picture: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    port = free_port()
    healthy = lambda name: container(name, port, HEALTH[name]).wait(PATIENCE) == 0  # noqa: E731
    assert not healthy("maintenance")
    assert container("release", port).wait(PATIENCE) == 0, (tmp_path / "release.log").read_text()

    names = ("web", "worker-stylize", "worker-train", "maintenance")
    services = {name: container(name, port) for name in names}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE) as http:
        wait_until(lambda: healthy("web"), tmp_path)
        photo, style = ("photo.png", picture(64, 48)), ("style.png", picture(seed=1))
        short = {"kind": "optimize", "size": "32", "steps": "1", "levels": "1"}
        requests = (
            ({"kind": "stylize"}, {"content": photo, "style": style}, "image/png"),
            (short, {"content": photo, "style": style}, "image/png"),
            ({"kind": "video"}, {"content": ("clip.mp4", clip(tmp_path)), "style": style}, "video/mp4"),
            ({"kind": "export", "network": "slim", "format": "openvino"}, {}, "application/zip"),
        )
        for fields, files, media_type in requests:
            job = http.post("/v1/jobs", files=files, data=fields).raise_for_status().json()
            wait_until(
                lambda url=job["urls"]["self"]: http.get(url).json()["status"] == "succeeded", tmp_path
            )
            output = http.get(job["urls"]["output"]).raise_for_status()
            assert output.headers["Content-Type"] == media_type
        assert 'atelier_running{queue="stylize"} 0' in http.get("/metrics").text
    assert all(healthy(name) for name in names)

    for name, process in services.items():
        os.killpg(process.pid, signal.SIGTERM) if name == "web" else process.terminate()
        assert process.wait(PATIENCE) == 0, (tmp_path / f"{name}.log").read_text()[-3000:]
    assert not any(healthy(name) for name in names if name != "maintenance")


def clip(folder: Path) -> bytes:
    pytest.importorskip("av")
    from tests.support.clips import write_clip

    random = np.random.default_rng(0)
    frames = (random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(4))
    return write_clip(folder / "clip.mp4", frames).read_bytes()


def wait_until(condition: Callable[[], bool], logs: Path, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(
                "\n".join(path.read_text()[-3000:] for path in sorted(logs.glob("*.log")))
            )
        time.sleep(0.2)
