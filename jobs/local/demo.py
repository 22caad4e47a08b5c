"""`make demo`: starts the service with embedded defaults, stylises one picture, stops the service."""

from __future__ import annotations

import importlib.resources
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click

from atelier import Client, Job
from imaging.gallery_styles import gallery_styles
from jobs.settings import child_environment, scratch_directory

STYLE = "night-oils"
OUT = Path("out")


def main() -> None:
    """Run the demonstration; exits with 1 if anything fails."""
    home = scratch_directory("atelier-demo-")
    environment = child_environment(
        ATELIER_HOME=str(home), DATABASE_URL="", REDIS_URL="", STORAGE_URL=""
    )
    command = [sys.executable, "-m", "atelier", "up", "--port", "0"]
    service = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        job = _stylize(_address(service))
    finally:
        service.send_signal(signal.SIGINT)
        service.wait(60)
        if service.stdout:
            service.stdout.close()
    click.echo(json.dumps(job["metrics"]))
    click.echo(f"{(OUT / 'stylized.png').resolve()}")
    shutil.rmtree(home, ignore_errors=True)


def _address(service: subprocess.Popen[str]) -> str:
    assert service.stdout is not None  # noqa: S101 - stdout is a pipe
    for line in service.stdout:
        if line.startswith("ready: "):
            return line.removeprefix("ready: ").strip()
    raise SystemExit("The service did not start.")


def _stylize(address: str) -> Job:
    OUT.mkdir(exist_ok=True)
    photo = OUT / "photo.png"
    _write_photo(photo)
    with Client(address) as client:
        submitted = client.submit(photo, style_id=STYLE, size=640, alpha=1.0, format="png")
        job = submitted
        for job in client.follow(submitted["id"], timeout=120):
            progress = job["progress"] or {"stage": "-", "step": 0, "total": 0}
            click.echo(
                f"{job['id']} {job['status']} {progress['stage']} "
                f"{progress['step']}/{progress['total']}",
                err=True,
            )
        if job["status"] != "succeeded":
            raise SystemExit(f"The job {job['status']}: {job['error']}")
        data, _ = client.output(job["id"])
    (OUT / "stylized.png").write_bytes(data)
    shutil.copy(gallery_styles()[STYLE].path, OUT)
    return job


def _write_photo(path: Path) -> None:
    """Write a photograph of scikit-image to `path`."""
    from PIL import Image

    data = importlib.resources.files("skimage") / "data"
    with importlib.resources.as_file(data / "astronaut.png") as source, Image.open(source) as image:
        image.convert("RGB").save(path)


if __name__ == "__main__":
    main()
