"""A RabbitMQ of its own: its node, its ports, its files, and the name server that it needs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from support.patience import PATIENCE
from support.ports import free_port

#: The server itself; the one on PATH is Debian's wrapper, which wants to be another user.
SERVERS = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "/usr/local/sbin/rabbitmq-server")


class RabbitServer:
    """Started by `start`; `stop` leaves no process behind. Raises `RuntimeError` if it can't start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self._names_port, dist_port = free_port(), free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self._running: list[subprocess.Popen[bytes]] = []
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._names_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(dist_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "db"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        }

    def start(self) -> None:
        server = next((path for path in SERVERS if Path(path).exists()), None)
        names = shutil.which("epmd")
        if server is None or names is None:
            raise RuntimeError("rabbitmq-server is not installed (apt-get install rabbitmq-server)")
        (self.folder / "plugins").write_text("[].")
        # Started here and not by the node, or it would stay when the node is gone.
        self._run(names, "-port", str(self._names_port), "-address", "127.0.0.1")
        self._run(server)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if time.monotonic() > deadline or self._running[-1].poll() is not None:
                log = (self.folder / "rabbitmq.log").read_text()[-2000:]
                self.stop()
                raise RuntimeError(f"rabbitmq-server did not start: {log}")
            time.sleep(0.2)

    def stop(self) -> None:
        for process in reversed(self._running):
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)
        self._running.clear()

    def _run(self, *command: str) -> None:
        with (self.folder / "rabbitmq.log").open("ab") as log:
            self._running.append(
                subprocess.Popen(
                    command,
                    env=self._environment,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def _answers(self) -> bool:
        """Whether it speaks AMQP: it answers a wrong greeting with its own."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(b"AMQP\x00\x00\x00\x00")
                return connection.recv(4) == b"AMQP"
        except OSError:
            return False
