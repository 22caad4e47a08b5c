"""How the client's methods call: one connection, answers as the shapes that they have."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import httpx

from atelier.connection import Connection, Shape
from atelier.errors import ApiError
from atelier.types import JobPage
from atelier.upload_progress import Sent, open_file


class Calls:
    """What every part of the client is made of."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        key: str | None = None,
        timeout: float = 60.0,
        patience: float = 20.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._call = Connection(url, key=key, timeout=timeout, patience=patience, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._call.close()

    def _page(self, params: dict[str, Any]) -> JobPage:
        return self._call.json(JobPage, "GET", "/v1/jobs", params=params)

    def _do(self, shape: type[Shape], path: str, headers: dict[str, str] | None = None) -> Shape:
        """A verb that has the same end however often it is said."""
        return self._call.json(shape, "POST", path, headers=headers, repeatable=True)

    def _post_files(
        self,
        shape: type[Shape],
        path: str,
        fields: dict[str, Any],
        files: Sequence[tuple[str, Path]],
        sent: Sent | None,
        headers: dict[str, str] | None = None,
    ) -> Shape:
        with ExitStack() as stack:

            def opened() -> list[tuple[str, tuple[str, Any]]]:
                return [(n, (p.name, stack.enter_context(open_file(p, sent)))) for n, p in files]

            try:
                return self._call.json(
                    shape,
                    "POST",
                    path,
                    data=fields,
                    files=opened,
                    headers=headers,
                    repeatable=bool(headers),
                )
            except OSError as error:
                raise ApiError(
                    f"{error.filename or 'A file'} can't be read: {error.strerror}."
                ) from error
