"""Access control: the scope that each route requires. A route that is not declared requires `admin`."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from enum import StrEnum
from typing import cast
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, redirect, request
from werkzeug.exceptions import SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted
from werkzeug.wrappers import Response as BaseResponse

from jobs.accounts.api_keys import ApiKeyStore, Caller, Scope
from jobs.accounts.ended_sessions import EndedSessions
from jobs.accounts.exposure import keys_required
from jobs.service import LOCAL_OWNER
from jobs.settings import Settings
from web.errors import problem
from web.security.sessions import COOKIE, current_session, ended_sessions


class Access(StrEnum):
    """The scope that a route requires. Routes of `READ` and `SUBMIT` see the caller's own data only."""

    PUBLIC = "public"
    READ = Scope.READ
    SUBMIT = Scope.SUBMIT
    ADMIN = Scope.ADMIN


ROUTES: dict[str, Access] = {
    "static": Access.PUBLIC,
    "docs.openapi": Access.PUBLIC,
    "docs.docs": Access.PUBLIC,
    "docs.asset": Access.PUBLIC,
    "health.healthz": Access.PUBLIC,
    "health.readyz": Access.PUBLIC,
    "health.metrics": Access.ADMIN,
    "sessions.login_page": Access.PUBLIC,
    "sessions.login": Access.PUBLIC,
    "sessions.logout": Access.PUBLIC,
    "pages.studio": Access.READ,
    "pages.video": Access.READ,
    "pages.live": Access.READ,
    "pages.training": Access.READ,
    "pages.admin": Access.ADMIN,
    "samples.photo": Access.PUBLIC,
    "live_runtime.file": Access.PUBLIC,
    "jobs.submit": Access.SUBMIT,
    "jobs.list_jobs": Access.READ,
    "jobs.show": Access.READ,
    "jobs.put": Access.SUBMIT,
    "jobs.retry": Access.SUBMIT,
    "jobs.cancel": Access.SUBMIT,
    "jobs.delete": Access.SUBMIT,
    "jobs.output": Access.READ,
    "jobs.thumbnail": Access.READ,
    "jobs.input_": Access.READ,
    "events.events": Access.READ,
    "links.create": Access.READ,
    "links.output": Access.PUBLIC,
    "batches.submit": Access.SUBMIT,
    "batches.show": Access.READ,
    "batches.cancel": Access.SUBMIT,
    "admin.list_workers": Access.ADMIN,
    "admin.list_jobs": Access.ADMIN,
    "admin.history": Access.ADMIN,
    "admin.cancel": Access.ADMIN,
    "admin.retry": Access.ADMIN,
    "queues.list_queues": Access.ADMIN,
    "queues.pause": Access.ADMIN,
    "queues.resume": Access.ADMIN,
    "styles.list_styles": Access.READ,
    "styles.create": Access.SUBMIT,
    "styles.show": Access.READ,
    "styles.image": Access.READ,
    "styles.delete": Access.SUBMIT,
    "styles.tune": Access.SUBMIT,
    "uploads.create": Access.SUBMIT,
    "uploads.show": Access.READ,
    "uploads.image": Access.READ,
    "uploads.delete": Access.SUBMIT,
    "trainings.pause": Access.SUBMIT,
    "trainings.resume": Access.SUBMIT,
    "trainings.finish": Access.SUBMIT,
    "trainings.losses": Access.READ,
    "trainings.samples": Access.READ,
    "trainings.sample": Access.READ,
    "networks.list_networks": Access.READ,
    "networks.create": Access.SUBMIT,
    "networks.show": Access.READ,
    "networks.file": Access.READ,
    "networks.picture": Access.READ,
    "networks.delete": Access.SUBMIT,
    "datasets.list_datasets": Access.READ,
    "datasets.create": Access.SUBMIT,
    "datasets.show": Access.READ,
    "datasets.image": Access.READ,
    "datasets.delete": Access.SUBMIT,
    "simple.stylize": Access.SUBMIT,
    "simple.stylize_download": Access.SUBMIT,
}

_LOCAL = Caller(owner=LOCAL_OWNER, scopes=frozenset(Scope))
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
#: Seconds after which access is looked up again during a request.
WATCH_SECONDS = 2.0


def register(app: Flask, settings: Settings) -> None:
    """Register the identification of callers. Until `bound` is called, the server counts as public."""
    app.extensions["keys"] = ApiKeyStore(app.extensions["atelier"].sessions)
    app.extensions["ended_sessions"] = EndedSessions(app.extensions["atelier"].sessions)
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    bound(app, settings, ["0.0.0.0"])  # noqa: S104 - no socket is bound: the widest address, to be safe
    app.before_request(_check_host)
    app.before_request(_identify)
    app.after_request(_refuse_if_ended)


def bound(app: Flask, settings: Settings, hosts: list[str]) -> None:
    """Set the addresses that the web server listens on, which decide whether requests need a key."""
    app.config["KEYS_REQUIRED"] = keys_required(settings.api_keys, hosts)
    # DNS rebinding: a foreign page may point its own host name at this machine and read the answers.
    # Where keys are required, this gains nothing; elsewhere, host names are checked.
    unguarded = settings.api_keys == "auto" and not app.config["KEYS_REQUIRED"]
    named = not app.config["KEYS_REQUIRED"]
    more = [name.strip() for name in settings.trusted_hosts.split(",") if name.strip()]
    app.config["KNOWN_HOSTS"] = [*_LOCAL_HOSTS, *more] if named else None
    app.config["LIMITED"] = not unguarded


def _check_host() -> None:
    """Refuse a request to a host name that is not this server's. No page can forge an IP address."""
    known = current_app.config["KNOWN_HOSTS"]
    if known is None or host_is_trusted(request.host, known):
        return
    try:
        ipaddress.ip_address(urlsplit(f"//{request.host}").hostname or "")
    except ValueError:
        raise SecurityError(f"Host {request.host!r} is not trusted.") from None


def _identify() -> None:
    g.started = time.monotonic()
    g.token = _bearer_token()
    g.caller = _caller(g.token)


def access_watch() -> Callable[[], bool]:
    """A function that tells whether the current caller still has access.

    Its key may be revoked, or its session ended, while a stream or a download goes on. It looks at most
    every `WATCH_SECONDS`, and needs no request.
    """
    caller: Caller | None = g.caller
    if caller is None or caller.key_id is None:
        return lambda: True
    key_id, store, ended = caller.key_id, key_store(), ended_sessions()
    session = current_session() if g.token is None else None
    state = {"at": time.monotonic(), "allowed": True}

    def has_access() -> bool:
        at = time.monotonic()
        if state["allowed"] and at - state["at"] > WATCH_SECONDS:
            over = session is not None and ended.is_ended(session.id)
            state.update(at=at, allowed=not over and store.authenticate_by_id(key_id) is not None)
        return bool(state["allowed"])

    return has_access


def _refuse_if_ended(response: Response) -> Response:
    """A request that has waited answers only if its caller still has access."""
    waited = time.monotonic() - g.get("started", time.monotonic())
    if g.get("caller") is None or waited < WATCH_SECONDS or response.status_code >= 400:
        return response
    if _caller(g.token) is not None:
        return response
    return cast("Response", _unauthorized(g.token))


def admit() -> BaseResponse | None:
    """Authorize the current request: None, or an error response or a redirect to the login."""
    if request.endpoint is None:
        return None  # no such address or method: answered with 404 or 405 later
    access = ROUTES.get(request.endpoint, Access.ADMIN)
    token, current = g.token, g.caller
    if token is None and request.method not in _SAFE and not _is_same_origin():
        return problem(403, "cross_origin", "This request comes from a page of another site.")
    if access is Access.PUBLIC:
        return None
    if current is None:
        return _unauthorized(token)
    if not current.has_scope(Scope(access)):
        return problem(403, "missing_scope", f"This needs a key with the scope {access.value}.")
    return None


def _unauthorized(token: str | None) -> BaseResponse:
    if (request.endpoint or "").startswith("pages."):
        return redirect("/login", 303)
    detail = (
        "Send an API key: Authorization: Bearer atl_…"
        if token is None
        else "This API key is not valid: it may be mistyped, revoked or expired."
    )
    response: Response = problem(401, "unauthorized", detail)
    response.headers["WWW-Authenticate"] = 'Bearer realm="atelier"'
    return response


def _caller(token: str | None) -> Caller | None:
    if not current_app.config["KEYS_REQUIRED"]:
        return _LOCAL
    if token is not None:
        return key_store().authenticate(token)
    session = current_session()
    if session is None or ended_sessions().is_ended(session.id):
        return None
    return key_store().authenticate_by_id(session.key_id)


def key_store() -> ApiKeyStore:
    """The API keys of this application."""
    found: ApiKeyStore = current_app.extensions["keys"]
    return found


def _bearer_token() -> str | None:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _is_same_origin() -> bool:
    """Whether the request comes from our own pages (CSRF check); clients that are no browsers pass."""
    fetched_by = request.headers.get("Sec-Fetch-Site")
    if fetched_by is not None:
        return fetched_by in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    if origin is not None:
        return urlsplit(origin).netloc == request.host
    # Browsers send the origin with every form and script request.
    return COOKIE not in request.cookies or not current_app.config["KEYS_REQUIRED"]
