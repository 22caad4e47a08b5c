"""HTTP calls with the API key, with retries, and with errors for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, TypeVar, cast

import httpx

from atelier import retries
from atelier.errors import ApiError, UnreachableError

Shape = TypeVar("Shape")

#: Seconds of retries while a service of this machine refuses connections and has never answered: long
#: enough for one that is just starting to listen, short enough for people who forgot to start one.
REFUSED_SECONDS = 0.5


class Connection:
    """Calls the service at `url`. Retries of one call go on for `retry_seconds` in all."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 60.0,
        retry_seconds: float = 20.0,
        on_retry: retries.OnRetry | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # Proxies of the environment are for the internet; the service is usually on the local network.
        self._http = httpx.Client(
            base_url=url, timeout=timeout, trust_env=False, headers=headers, transport=transport
        )
        self._url = url
        self._retry_seconds = retry_seconds
        self._on_retry = on_retry
        self._has_answered = False

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def json(self, _shape: type[Shape], method: str, path: str, **arguments: Any) -> Shape:
        """The JSON body of a response, typed as `_shape` without a check. Raises `ApiError`."""
        return cast(Shape, self.send(method, path, **arguments).json())

    def send(
        self,
        method: str,
        path: str,
        *,
        idempotent: bool = False,
        files: Callable[[], Any] | None = None,
        **arguments: Any,
    ) -> httpx.Response:
        """Make a call, and retry while the retry policy allows it. Raises `ApiError`.

        `idempotent` says that the call has the same effect once or twice; for GET, PUT and DELETE that
        always holds. `files` opens the files anew for each attempt.
        """
        idempotent = idempotent or method in {"GET", "PUT", "DELETE"}

        def attempt() -> httpx.Response:
            opened = {} if files is None else {"files": files()}
            return self._attempt(method, path, idempotent=idempotent, **opened, **arguments)

        refused_seconds = self._retry_seconds if self._has_answered else REFUSED_SECONDS
        policy = retries.policy(
            self._retry_seconds, refused_seconds=refused_seconds, on_retry=self._on_retry
        )
        try:
            return policy(attempt)
        except retries.CallFailed as failed:
            raise failed.error from failed.error.__cause__

    def _attempt(self, method: str, path: str, *, idempotent: bool, **arguments: Any) -> httpx.Response:
        """Make a call once. Raises `CallFailed`."""
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise retries.CallFailed(
                self._transport_error(error),
                retryable=retries.can_retry_error(error, idempotent=idempotent),
                refused=self._is_refused_here(error),
            ) from error
        self._has_answered = True
        if response.is_success:
            return response
        raise retries.CallFailed(
            self._response_error(response),
            retryable=retries.can_retry_response(response, idempotent=idempotent),
            retry_after=retries.retry_after_seconds(response),
        )

    @contextmanager
    def stream(self, path: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """A response whose body is read while it arrives. Raises `ApiError`, also while reading."""
        try:
            with self._http.stream("GET", path, headers=headers) as response:
                if not response.is_success:
                    response.read()
                    raise self._response_error(response)
                yield response
        except httpx.TransportError as error:
            raise self._transport_error(error) from error

    def _is_refused_here(self, error: httpx.TransportError) -> bool:
        """Whether no process listens at the address, which is one of this machine."""
        return isinstance(error, httpx.ConnectError) and is_loopback(self._http.base_url.host)

    def _transport_error(self, error: httpx.TransportError) -> UnreachableError:
        if self._is_refused_here(error) and not self._has_answered:
            return UnreachableError(
                f"No service at {self._url}. Start one with `atelier up`, or set ATELIER_URL."
            )
        return UnreachableError(
            f"The service at {self._url} can't be reached: {error or type(error).__name__}."
        )

    def _response_error(self, response: httpx.Response) -> ApiError:
        kind = UnreachableError if response.status_code in retries.RETRYABLE_STATUSES else ApiError
        try:
            problem = response.json()
            detail, code = str(problem["detail"]), str(problem.get("code", ""))
        except (ValueError, KeyError, TypeError):
            detail, code = f"{self._url} answered {response.status_code}.", ""
        return kind(detail, status=response.status_code, code=code)


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
