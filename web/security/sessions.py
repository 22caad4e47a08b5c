"""Browser login: exchanges an API key for a session cookie that scripts and other sites can't read."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from flask import Blueprint, Response, current_app, redirect, render_template, request
from itsdangerous import BadSignature
from werkzeug.wrappers import Response as BaseResponse

from jobs.accounts.api_keys import ApiKeyStore
from jobs.accounts.ended_sessions import EndedSessions
from web.current import whole_service
from web.security.signing import serializer

COOKIE = "atelier_session"
#: Largest login form in bytes; it holds one key.
MAX_LOGIN_BYTES = 4_000

blueprint = Blueprint("sessions", __name__)


@blueprint.get("/login")
def login_page() -> str:
    """The login form."""
    return render_template("login.html")


@blueprint.post("/login")
def login() -> BaseResponse:
    """Start a session with an API key."""
    # Anybody may send this form: its size is bounded before it is read.
    request.max_content_length = MAX_LOGIN_BYTES
    ring: ApiKeyStore = current_app.extensions["keys"]
    caller = ring.authenticate(request.form.get("key", "").strip())
    if caller is None:
        wrong = "This key is not valid: it may be mistyped, revoked or expired."
        return Response(render_template("login.html", wrong=wrong), 401)
    response = redirect("/", 303)
    response.set_cookie(
        COOKIE,
        serializer("session").dumps([caller.key_id, secrets.token_hex(16)]),
        max_age=whole_service().settings.session_seconds,
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
    )
    return response


@blueprint.post("/logout")
def logout() -> BaseResponse:
    """End the session: its cookie is not accepted any more. To end all sessions, revoke their key."""
    session = current_session()
    if session is not None:
        ended_sessions().end(session.id, whole_service().settings.session_seconds)
    response = redirect("/login", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict", secure=request.is_secure)
    return response


@dataclass(frozen=True, kw_only=True)
class BrowserSession:
    """A session: its random id, and the id of the API key that it was opened with."""

    id: str
    key_id: str


def ended_sessions() -> EndedSessions:
    """The sessions of this application that were ended."""
    found: EndedSessions = current_app.extensions["ended_sessions"]
    return found


def current_session() -> BrowserSession | None:
    """The session of the current browser by its cookie, ended or not; None without a valid cookie."""
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        return None
    try:
        loaded = serializer("session").loads(cookie, max_age=whole_service().settings.session_seconds)
    except BadSignature:
        return None
    match loaded:
        case [str(key_id), str(session_id)]:
            return BrowserSession(id=session_id, key_id=key_id)
    return None
