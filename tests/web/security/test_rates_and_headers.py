"""How often one may call, and what every answer says to a browser."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.patience import PATIENCE

from jobs.accounts.api_keys import Scope
from jobs.service import JobService
from jobs.settings import Settings
from web import create_app
from web.security import rate_counter

Picture = Callable[..., bytes]


def locked(settings: Settings, service: JobService, **changes: Any) -> Flask:
    settings = settings.model_copy(update={"api_keys": "on", **changes})
    service.settings = settings
    return create_app(settings, service)


@pytest.fixture
def app(settings: Settings, service: JobService) -> Flask:
    return locked(settings, service)


@pytest.fixture
def token(app: Flask) -> str:
    made: str = app.extensions["keys"].create("ada", [Scope.READ, Scope.SUBMIT])[1]
    return made


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def form(picture: Picture) -> dict[str, Any]:
    return {"content": (io.BytesIO(picture()), "p.png"), "style_id": "woodcut"}


@pytest.fixture
def limited(
    settings: Settings, service: JobService, redis_port: int, monkeypatch: pytest.MonkeyPatch
) -> Flask:
    import redis

    # On a busy machine, Redis may take longer than the web server waits for it; then nobody is limited.
    monkeypatch.setattr(rate_counter, "_TIMEOUTS", {"socket_timeout": PATIENCE})
    with redis.Redis(port=redis_port) as store:
        store.flushdb()
    changes = {"rate_limit": "4/minute", "submit_rate_limit": "1/minute"}
    return locked(settings, service, redis_url=f"redis://127.0.0.1:{redis_port}/0", **changes)


@pytest.mark.integration
def test_each_key_has_its_own_rate(limited: Flask) -> None:
    client = limited.test_client()
    ada, eve = (bearer(limited.extensions["keys"].create(o, [Scope.READ])[1]) for o in ("ada", "eve"))

    answers = [client.get("/v1/jobs", headers=ada) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["3", "2", "1", "0", "0"]
    last = answers[-1]
    assert (last.json["code"], last.json["retryable"]) == ("rate_limited", True)
    assert last.headers["RateLimit-Limit"] == "4"
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert client.get("/v1/jobs", headers=eve).status_code == 200
    assert client.get("/healthz").status_code == 200


@pytest.mark.integration
def test_submits_have_a_rate_of_their_own(limited: Flask, picture: Picture) -> None:
    client = limited.test_client()
    ada = bearer(limited.extensions["keys"].create("ada", list(Scope))[1])

    answers = [client.post("/v1/jobs", data=form(picture), headers=ada) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 429]
    assert client.get("/v1/jobs", headers=ada).status_code == 200


@pytest.mark.integration
def test_a_submit_under_an_id_of_ones_own_counts_too(limited: Flask, picture: Picture) -> None:
    client = limited.test_client()
    ada = bearer(limited.extensions["keys"].create("ada", list(Scope))[1])
    paths = [f"/v1/jobs/00000000-0000-4000-8000-00000000000{n}" for n in range(2)]

    answers = [client.put(path, data=form(picture), headers=ada) for path in paths]

    assert [answer.status_code for answer in answers] == [202, 429]


@pytest.mark.integration
def test_who_has_no_key_is_counted_by_address(limited: Flask) -> None:
    client = limited.test_client()

    def guess(address: str) -> int:
        headers = bearer("atl_guess")
        return client.get(
            "/v1/jobs", headers=headers, environ_base={"REMOTE_ADDR": address}
        ).status_code

    assert [guess("192.0.2.1") for _ in range(5)] == [401] * 4 + [429]
    assert guess("192.0.2.2") == 401
    assert [guess(f"2001:db8::{n}") for n in range(5)] == [401] * 4 + [429]
    assert guess("2001:db8:0:1::1") == 401


def test_the_service_goes_on_while_redis_is_away(
    settings: Settings, service: JobService, picture: Picture
) -> None:
    changes = {"rate_limit": "1/minute", "submit_rate_limit": "1/minute", "api_keys": "off"}
    client = locked(settings, service, **changes).test_client()

    assert [client.post("/v1/jobs", data=form(picture)).status_code for _ in range(3)] == [202] * 3


def test_a_proxy_is_believed_where_that_is_set(
    settings: Settings, service: JobService, token: str
) -> None:
    app = locked(settings, service, trusted_proxies=1)
    seen: list[str | None] = []
    app.before_request_funcs[None].insert(0, lambda: seen.append(_address()))
    headers = {"X-Forwarded-For": "203.0.113.9, 192.0.2.7", "X-Forwarded-Proto": "https"}

    response = app.test_client().get("/healthz", headers=headers)

    assert seen == ["192.0.2.7"]
    assert "Strict-Transport-Security" in response.headers


def _address() -> str | None:
    from flask import request

    return request.remote_addr


@pytest.mark.parametrize("path", ["/", "/login", "/docs", "/live"])
def test_pages_may_run_our_own_scripts_and_nothing_else(
    client: FlaskClient, token: str, path: str
) -> None:
    headers = client.get(path, headers=bearer(token)).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/jobs", 200),
        ("/v1/styles/woodcut/image", 200),
        ("/v1/styles/woodcut/image?size=96", 200),
        ("/v1/jobs/none", 404),
        ("/nothing", 404),
        ("/v1/jobs?limit=x", 422),
        ("/openapi.json", 200),
    ],
)
def test_data_and_errors_may_do_nothing(
    client: FlaskClient, token: str, path: str, status: int
) -> None:
    response = client.get(path, headers=bearer(token))
    headers = response.headers

    assert response.status_code == status
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Content-Security-Policy"].endswith("sandbox")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    if response.mimetype.endswith("json"):
        assert headers["Cache-Control"] in {"no-store", "no-cache"}
