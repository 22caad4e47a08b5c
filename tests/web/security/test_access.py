"""Keys, sessions, pages of other sites and host names, as the outside meets them."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.accounts.api_keys import ApiKeyStore, Scope
from jobs.service import JobService
from jobs.settings import Settings
from web import create_app
from web.security import access
from web.security.access import bound

Picture = Callable[..., bytes]


def locked(settings: Settings, service: JobService, **changes: Any) -> Flask:
    settings = settings.model_copy(update={"api_keys": "on", **changes})
    service.settings = settings
    return create_app(settings, service)


@pytest.fixture
def app(settings: Settings, service: JobService) -> Flask:
    return locked(settings, service)


@pytest.fixture
def ring(app: Flask) -> ApiKeyStore:
    found: ApiKeyStore = app.extensions["keys"]
    return found


@pytest.fixture
def token(ring: ApiKeyStore) -> str:
    return ring.create("ada", [Scope.READ, Scope.SUBMIT])[1]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def form(picture: Picture) -> dict[str, Any]:
    return {"content": (io.BytesIO(picture()), "p.png"), "style_id": "woodcut"}


def test_a_login_form_with_a_file_is_refused_before_it_is_read(client: FlaskClient) -> None:
    sent = {"key": "atl_x", "file": (io.BytesIO(b"0" * 100_000), "p.png")}

    assert client.post("/login", data=sent).status_code == 413


# -- keys -----------------------------------------------------------------------


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer x", "Basic YTpi", "atl_x", "\x7f"])
def test_headers_that_are_no_key(client: FlaskClient, header: str) -> None:
    response = client.get("/v1/jobs", headers={"Authorization": header})

    assert (response.status_code, response.json["code"]) == (401, "unauthorized")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key_is_refused_at_once(client: FlaskClient, ring: ApiKeyStore, token: str) -> None:
    assert client.get("/v1/jobs", headers=bearer(token)).status_code == 200
    ring.revoke(token.split("_")[1])

    assert client.get("/v1/jobs", headers=bearer(token)).status_code == 401


@pytest.mark.parametrize(
    ("setting", "hosts", "status"),
    [
        ("auto", ["127.0.0.1"], 200),
        ("auto", ["127.0.0.1", "0.0.0.0"], 401),
        ("on", ["127.0.0.1"], 401),
        ("off", ["0.0.0.0"], 200),
    ],
)
def test_where_the_server_listens_decides(
    settings: Settings, service: JobService, setting: str, hosts: list[str], status: int
) -> None:
    app = locked(settings, service, api_keys=setting)
    bound(app, service.settings, hosts)

    assert app.test_client().get("/v1/jobs").status_code == status


def test_an_application_that_nobody_tells_where_it_listens_asks_for_keys(
    settings: Settings, service: JobService
) -> None:
    app = locked(settings, service, api_keys="auto")

    assert app.test_client().get("/v1/jobs").status_code == 401


# -- sessions -----------------------------------------------------------------------


def log_in(client: FlaskClient, token: str, **headers: str) -> Any:
    sent = {"Sec-Fetch-Site": "same-origin", **headers}
    return client.post("/login", data={"key": token}, headers=sent)


def test_a_browser_logs_in_and_out(client: FlaskClient, token: str) -> None:
    assert client.get("/").headers["Location"] == "/login"
    assert client.get("/login").status_code == 200
    opened = log_in(client, token)

    cookie = SimpleCookie(opened.headers["Set-Cookie"])["atelier_session"]
    assert (opened.status_code, opened.headers["Location"]) == (303, "/")
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert token not in opened.headers["Set-Cookie"]
    assert token.split("_")[2] not in opened.headers["Set-Cookie"]
    assert client.get("/").status_code == 200
    assert client.get("/v1/jobs").status_code == 200

    assert client.post("/logout", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
    assert client.get("/v1/jobs").status_code == 401


def test_the_cookie_is_for_https_alone_where_there_is_https(client: FlaskClient, token: str) -> None:
    sent = {"Sec-Fetch-Site": "same-origin"}
    opened = client.post("/login", data={"key": token}, headers=sent, base_url="https://localhost")

    assert SimpleCookie(opened.headers["Set-Cookie"])["atelier_session"]["secure"] is True
    assert opened.headers["Strict-Transport-Security"].startswith("max-age=")


def test_a_wrong_key_opens_no_session(client: FlaskClient) -> None:
    refused = log_in(client, "atl_wrong")

    assert refused.status_code == 401
    assert "This key is not valid" in refused.text
    assert "Set-Cookie" not in refused.headers


def test_a_session_ends_with_its_key(client: FlaskClient, ring: ApiKeyStore, token: str) -> None:
    log_in(client, token)
    ring.revoke(token.split("_")[1])

    assert client.get("/v1/jobs").status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "ImFiYyI.ZZZZ.forged"])
def test_cookies_that_are_none_of_ours(client: FlaskClient, cookie: str) -> None:
    client.set_cookie("atelier_session", cookie)

    assert client.get("/v1/jobs").status_code == 401


def test_a_download_link_is_no_session(client: FlaskClient, app: Flask, token: str) -> None:
    from web.security.signing import serializer

    with app.app_context():
        signed = serializer("output").dumps(token.split("_")[1])
    client.set_cookie("atelier_session", signed)

    assert client.get("/v1/jobs").status_code == 401


def test_an_old_session_is_over(
    settings: Settings, service: JobService, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = locked(settings, service, session_seconds=60)
    client = app.test_client()
    log_in(client, app.extensions["keys"].create("ada", [Scope.READ])[1])
    assert client.get("/v1/jobs").status_code == 200

    from itsdangerous import TimestampSigner

    now = TimestampSigner("x").get_timestamp()
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: now + 61)

    assert client.get("/v1/jobs").status_code == 401


# -- pages of other sites -----------------------------------------------------------------------

ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:1"},
    {"Origin": "null"},
    {},  # with a cookie, a browser would have said
]


@pytest.mark.parametrize("headers", ELSEWHERE)
def test_another_site_can_do_nothing_with_a_visitors_session(
    client: FlaskClient, token: str, picture: Picture, headers: dict[str, str]
) -> None:
    log_in(client, token)

    submit = client.post("/v1/jobs", data=form(picture), headers=headers)
    delete = client.delete("/v1/uploads/x", headers=headers)

    assert (submit.status_code, submit.json["code"]) == (403, "cross_origin")
    assert delete.status_code == 403
    assert client.get("/v1/jobs").json["jobs"] == []


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}])
def test_our_own_page_can(
    client: FlaskClient, token: str, picture: Picture, headers: dict[str, str]
) -> None:
    log_in(client, token)

    assert client.post("/v1/jobs", data=form(picture), headers=headers).status_code == 202


@pytest.mark.parametrize("headers", [case for case in ELSEWHERE if case])
def test_another_site_can_not_use_an_open_server_either(
    settings: Settings, service: JobService, picture: Picture, headers: dict[str, str]
) -> None:
    client = locked(settings, service, api_keys="off").test_client()

    assert client.post("/v1/jobs", data=form(picture), headers=headers).status_code == 403
    assert client.post("/v1/jobs", data=form(picture)).status_code == 202


def test_another_site_can_not_log_a_visitor_in(client: FlaskClient, token: str) -> None:
    refused = client.post("/login", data={"key": token}, headers={"Sec-Fetch-Site": "cross-site"})

    assert refused.status_code == 403
    assert "Set-Cookie" not in refused.headers


def test_a_key_is_no_browsers_doing(client: FlaskClient, token: str, picture: Picture) -> None:
    headers = bearer(token) | {"Origin": "http://elsewhere.example", "Sec-Fetch-Site": "cross-site"}

    assert client.post("/v1/jobs", data=form(picture), headers=headers).status_code == 202


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(("localhost:8000", 200), ("127.0.0.1:8000", 200), ("studio.lan", 200)),
        *(("192.168.1.7:8000", 200), ("[fe80::1]:8000", 200)),
        *(("evil.example", 400), ("evil.example:8000", 400)),
    ],
)
@pytest.mark.parametrize(("keys", "listens"), [("auto", "127.0.0.1"), ("off", "0.0.0.0")])
def test_an_open_server_answers_to_its_own_names_alone(
    settings: Settings, service: JobService, host: str, status: int, keys: str, listens: str
) -> None:
    """Else a page of evil.example could point that name at this machine and read the answers."""
    app = locked(settings, service, api_keys=keys, trusted_hosts="studio.lan")
    bound(app, service.settings, [listens])

    response = app.test_client().get("/v1/jobs", headers={"Host": host})

    assert response.status_code == status
    if status == 400:
        assert response.json["code"] == "unknown_host"


# -- access that ends meanwhile ---------------------------------------------------


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "WATCH_SECONDS", 0.0)


def test_a_stream_ends_when_its_key_is_revoked(
    client: FlaskClient, ring: ApiKeyStore, token: str, picture: Picture, watched: None
) -> None:
    job = client.post("/v1/jobs", data=form(picture), headers=bearer(token)).json
    stream = client.get(job["urls"]["events"], headers=bearer(token), buffered=False).response
    received = iter(stream)
    assert b"retry" in next(received)
    assert b"queued" in next(received)
    ring.revoke(token.split("_")[1])

    assert list(received) == []


def test_a_poll_that_waited_is_refused_when_its_key_was_revoked(
    client: FlaskClient,
    ring: ApiKeyStore,
    token: str,
    picture: Picture,
    watched: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = client.post("/v1/jobs", data=form(picture), headers=bearer(token)).json
    address = f"{job['urls']['self']}?wait=5"
    thread = threading.Timer(0.5, ring.revoke, [token.split("_")[1]])
    thread.start()
    answer = client.get(address, headers=bearer(token))
    thread.join()

    assert answer.status_code == 401
    assert "status" not in (answer.json or {}) or answer.json["status"] == 401


def test_a_cookie_is_worth_nothing_after_the_logout(client: FlaskClient, token: str) -> None:
    client.post("/login", data={"key": token})
    cookie = client.get_cookie("atelier_session")
    assert cookie is not None
    assert client.get("/v1/jobs").status_code == 200
    ended = client.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert ended.status_code == 303
    client.set_cookie("atelier_session", cookie.value)
    assert client.get("/v1/jobs").status_code == 401

    client.delete_cookie("atelier_session")
    client.post("/login", data={"key": token})
    assert client.get("/v1/jobs").status_code == 200


def test_browsers_ask_before_they_show_what_they_keep(
    client: FlaskClient, token: str, picture: Picture
) -> None:
    """The picture may be deleted, and the browser's user may be another."""
    job = client.post("/v1/jobs", data=form(picture), headers=bearer(token)).json
    answer = client.get(f"{job['urls']['self']}/inputs/content", headers=bearer(token))

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert {"Cookie", "Authorization"} <= set(answer.headers["Vary"].split(", "))
