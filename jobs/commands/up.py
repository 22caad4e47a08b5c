"""`atelier up`: the whole service on one machine, with embedded defaults."""

from __future__ import annotations

import signal
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from jobs.local.supervisor import Supervisor
    from jobs.settings import Settings


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port (default: PORT, then 8000, or a free one if that is taken; 0: any free one).",
)
def up(port: int | None) -> None:
    """Run the whole service, web server and workers, until Ctrl-C."""
    from jobs.accounts.exposure import ExposedError
    from jobs.local.redis_server import RedisMissingError, free_port
    from jobs.local.supervisor import Supervisor
    from jobs.settings import child_environment, load_settings

    if find_spec("torch") is None:
        raise click.ClickException(
            "atelier up runs workers, which need torch: pip install 'atelier[worker,embedded]'."
        )
    settings = load_settings()
    chosen = _choose_port(settings, port)
    environment = child_environment(
        ATELIER_HOME=str(settings.home),
        DATABASE_URL=settings.database,
        STORAGE_URL=settings.storage,
        PYTHONUNBUFFERED="1",
    )
    redis_port = None
    if not settings.redis_url and not settings.broker_url:
        redis_port = free_port(6379)
        environment["REDIS_URL"] = f"redis://127.0.0.1:{redis_port}/0"
    supervisor = Supervisor(environment, settings.home / "logs", _print)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: supervisor.stopping.set())
    try:
        _start(supervisor, settings, chosen, redis_port)
        if not supervisor.stopping.is_set():
            _print_summary(settings, chosen, redis_port)
            supervisor.watch()
    except (RedisMissingError, ExposedError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        _print("stopping")
        supervisor.stop()


def _choose_port(settings: Settings, requested: int | None) -> int:
    from jobs.local.redis_server import free_port

    if requested == 0:
        return free_port(0, settings.host)
    preferred = requested if requested is not None else settings.port
    port = free_port(preferred, settings.host)
    if port != preferred:
        if requested is not None:
            raise click.ClickException(
                f"Port {preferred} is taken. Free it, or choose another with --port."
            )
        _print(f"port {preferred} is taken, using {port}")
    return port


def _start(supervisor: Supervisor, settings: Settings, port: int, redis_port: int | None) -> None:
    from jobs.accounts.api_keys import ApiKeyStore
    from jobs.accounts.exposure import refuse_exposure
    from jobs.db.schema import upgrade
    from jobs.local.processes import embedded
    from jobs.local.redis_server import redis_command, wait_for_redis
    from jobs.local.supervisor import resolve
    from jobs.service import make_service

    if redis_port is not None:
        redis = supervisor.start("redis", redis_command(settings.home / "redis", redis_port))
        wait_for_redis(redis_port, redis)
    upgrade(settings.database)
    service = make_service(settings)
    refuse_exposure(
        settings.api_keys, [settings.host], any_keys=ApiKeyStore(service.sessions).has_active_keys
    )
    service.styles.register_gallery()
    service.datasets.register_samples()
    for name, command in embedded(settings, port).items():
        supervisor.start(name, resolve(command))
    _wait_until_ready(supervisor, settings, port)


def _wait_until_ready(supervisor: Supervisor, settings: Settings, port: int) -> None:
    import httpx

    address = f"http://{settings.host}:{port}/readyz"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not supervisor.stopping.is_set():
        try:
            if httpx.get(address, timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    if not supervisor.stopping.is_set():
        raise RuntimeError(f"The web server did not answer; see {settings.home / 'logs' / 'web.log'}.")


def _print_summary(settings: Settings, port: int, redis_port: int | None) -> None:
    from jobs.db.engine import without_password

    address = f"http://{settings.host}:{port}"
    _print(f"database {without_password(settings.database)}")
    _print(f"files    {settings.storage}")
    embedded = f"redis at 127.0.0.1:{redis_port}, started here"
    _print(f"broker   {embedded if redis_port else without_password(settings.broker)}")
    _print(
        "started  web, worker-stylize, worker-train, maintenance; logs in "
        + str(settings.home / "logs")
    )
    _print("")
    _print("try it:")
    _print(
        f"  curl -F kind=stylize -F content=@{_sample_photo()} -F style_id=woodcut {address}/v1/jobs"
    )
    _print(f"or open {address}")
    click.echo(f"ready: {address}")
    sys.stdout.flush()


def _sample_photo() -> str:
    """A picture that is certainly on this machine, so that the printed command works as it is."""
    from pathlib import Path

    from imaging.gallery_styles import gallery_styles

    found = find_spec("skimage")
    photo = Path(found.origin).parent / "data" / "coffee.png" if found and found.origin else None
    return str(photo if photo and photo.exists() else gallery_styles()["riverside-dots"].path)


def _print(text: str) -> None:
    click.echo(text, err=True)
