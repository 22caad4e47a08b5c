"""One way to make a call: with the key, with patience, and with errors for people."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import httpx

from atelier import retries
from atelier.errors import ApiError, UnreachableError

Shape = TypeVar("Shape")


class Connection:
    """Calls the service at `url`; `patience` is how many seconds it goes on trying."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 60.0,
        patience: float = 20.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # Proxies of the environment are for the outside world; the service is usually at home.
        self._http = httpx.Client(
            base_url=url, timeout=timeout, trust_env=False, headers=headers, transport=transport
        )
        self._url = url
        self._patience = patience

    def close(self) -> None:
        """Let go of the sockets."""
        self._http.close()

    def json(self, _shape: type[Shape], method: str, path: str, **arguments: Any) -> Shape:
        """The answer as JSON, which the caller knows the shape of. Raises `ApiError`."""
        return cast(Shape, self.send(method, path, **arguments).json())

    def send(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool = False,
        files: Callable[[], Any] | None = None,
        **arguments: Any,
    ) -> httpx.Response:
        """Make a call, again while that may help. Raises `ApiError`.

        `repeatable` calls do the same once or twice; GET, PUT and DELETE always do. `files` opens the
        files anew for each attempt.
        """
        repeatable = repeatable or method in {"GET", "PUT", "DELETE"}
        deadline = time.monotonic() + self._patience
        attempt = 0
        while True:
            opened = {} if files is None else {"files": files()}
            told = 0.0
            try:
                response = self._http.request(method, path, **opened, **arguments)
                if response.is_success:
                    return response
                failure = self._refusal(response)
                again = retries.after_answer(response, repeatable=repeatable)
                told = retries.told_seconds(response)
            except httpx.TransportError as error:
                failure = self._away(error)
                again = retries.after_failure(error, repeatable=repeatable)
            seconds = retries.pause(attempt, told)
            if not again or time.monotonic() + seconds > deadline:
                raise failure
            time.sleep(seconds)
            attempt += 1

    @contextmanager
    def stream(self, path: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """An answer that goes on. Raises `ApiError`, also while it is read."""
        try:
            with self._http.stream("GET", path, headers=headers) as response:
                if not response.is_success:
                    response.read()
                    raise self._refusal(response)
                yield response
        except httpx.TransportError as error:
            raise self._away(error) from error

    def _away(self, error: httpx.TransportError) -> UnreachableError:
        return UnreachableError(
            f"The service at {self._url} can't be reached: {error or type(error).__name__}."
        )

    def _refusal(self, response: httpx.Response) -> ApiError:
        kind = UnreachableError if response.status_code in retries.BUSY else ApiError
        try:
            problem = response.json()
            detail, code = str(problem["detail"]), str(problem.get("code", ""))
        except (ValueError, KeyError, TypeError):
            detail, code = f"{self._url} answered {response.status_code}.", ""
        return kind(detail, status=response.status_code, code=code)
