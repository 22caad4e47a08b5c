"""Values that no client means: every route answers them in words, on both databases."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.databases import dispose
from werkzeug.routing import Rule

from jobs.blobs.local import LocalStorage
from jobs.db.engine import make_engine
from jobs.queue.broker import Broker, make_celery
from jobs.service import JobService
from jobs.settings import Settings
from web import create_app

Picture = Callable[..., bytes]
#: As they stand in an address.
ODD_IDS = [
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%FF",
    "%F0%9F%8E%A8",
    "..%2F..%2Fetc",
    "'%22--",
    "x" * 3000,
    "%20",
]
ODD_NUMBERS = ["0", "2147483648", "9223372036854775808", "9" * 40]
ODD_TEXTS = [
    "\x00",
    "a\x00b",
    "\ud800",
    "x\udfffy",
    "\U0001f3a8",
    "../../etc/passwd",
    "x" * 3000,
    "",
    " ",
]


@pytest.fixture
def service(settings: Settings, local_storage: LocalStorage, migrated_url: str) -> Iterator[JobService]:
    """The use cases on either database, with a style to name."""
    engine = make_engine(migrated_url)
    service = JobService(settings, engine, local_storage, Broker(make_celery(settings.broker)))
    service.styles.register_gallery()
    yield service
    dispose(engine)


@pytest.fixture
def app(settings: Settings, service: JobService) -> Flask:
    return create_app(settings, service)


def addresses(rule: Rule) -> Iterator[str]:
    for odd, number in zip(ODD_IDS, ODD_NUMBERS * 3, strict=False):
        yield re.sub("<.*?>", odd, re.sub("<int:.*?>", number, rule.rule))


def test_odd_values_in_addresses(app: Flask, client: FlaskClient) -> None:
    asked = 0
    for rule in app.url_map.iter_rules():
        if "<" not in rule.rule:
            continue
        for address in addresses(rule):
            for method in sorted(rule.methods or ()):
                answer = client.open(address, method=method)
                asked += 1
                assert answer.status_code < 500, (method, address, answer.text)
    assert asked > 500


QUERIES = {
    "jobs.list_jobs": ("status", "kind", "limit", "cursor", "batch_id", "dead"),
    "admin.list_jobs": ("status", "kind", "owner", "dead", "limit", "cursor"),
    "jobs.show": ("wait",),
    "jobs.output": ("index",),
    "styles.image": ("size",),
    "trainings.losses": ("after",),
}


def test_odd_values_in_queries(app: Flask, client: FlaskClient) -> None:
    paths = {rule.endpoint: re.sub("<.*?>", "woodcut", rule.rule) for rule in app.url_map.iter_rules()}
    for endpoint, names in QUERIES.items():
        for name in names:
            for odd in (*ODD_IDS, *ODD_NUMBERS, "-1", "NaN", "1e400", "\u0663"):
                answer = client.get(f"{paths[endpoint]}?{name}={odd}")
                assert answer.status_code < 500, (endpoint, name, odd, answer.text)


JOB = {"kind": "stylize", "content": {"upload": "x"}, "style_id": "woodcut"}
ODD_JSON = [*ODD_TEXTS, 10**400, -1, 1.5, True, None, [], {}, [[["x"]]], {"upload": "\x00"}]
FIELDS = [*JOB, "params", "priority", "cancel_after", "use_cache", "expires_in", "webhook_url"]
PARAMS = [
    "alpha",
    "size",
    "network",
    "styles",
    "regions",
    "format",
    "quality",
    "alphas",
    "\x00",
    "\ud800",
]


def test_odd_values_in_json(client: FlaskClient, picture: Picture) -> None:
    upload = client.post("/v1/uploads", data={"file": (io.BytesIO(picture()), "p.png")}).json["id"]
    good = JOB | {"content": {"upload": upload}}
    bodies = [good | {name: odd} for name in (*FIELDS, "webhook_events", "\x00") for odd in ODD_JSON]
    bodies += [good | {"params": {name: odd}} for name in PARAMS for odd in ODD_JSON]
    texts = [json.dumps(body) for body in bodies]
    texts += [
        "[" * 200_000,
        '{"a":' * 100_000,
        '{"priority": NaN}',
        '{"priority": ' + "9" * 6_000 + "}",
    ]
    texts += [
        '{"params": {"alpha": Infinity}}',
        '{"params": {"size": 1e999}}',
        "",
        "null",
        '"x"',
        "\x00",
    ]

    for text in texts:
        answer = client.post("/v1/jobs", data=text, content_type="application/json")
        assert answer.status_code in {202, 400, 422}, (text[:200], answer.text)


def test_odd_values_in_forms(client: FlaskClient, picture: Picture) -> None:
    def coded(text: str) -> bytes:
        return text.encode("utf-8", "surrogatepass")

    nested = ["[" * 100_000, '[{"file": "\\u0000"}]', '[{"style_id": "\\ud800"}]', "9" * 6_000]
    for name in ("kind", "style_id", *FIELDS[4:], *PARAMS[:-1], "dataset_id", "webhook_events"):
        for odd in (*ODD_TEXTS, *nested):
            sent = {"content": (io.BytesIO(picture()), "p.png"), "style_id": "woodcut"} | {
                name: coded(odd)
            }
            answer = client.post("/v1/jobs", data=sent)
            assert answer.status_code in {202, 400, 422}, (name, odd[:80], answer.text)
    for path, name in (("styles", "title"), ("networks", "name"), ("datasets", "name")):
        for odd in ODD_TEXTS:
            sent = {
                "file": (io.BytesIO(picture()), "p.png"),
                name: coded(odd),
            }
            answer = client.post(f"/v1/{path}", data=sent)
            assert answer.status_code in {201, 400, 422}, (path, odd[:80], answer.text)


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/batches", "/v1/styles", "/stylize"])
@pytest.mark.parametrize("also", ["", '; filename="photo.png"'])
def test_a_part_of_a_form_without_a_name(client: FlaskClient, path: str, also: str) -> None:
    body = f"--b\r\nContent-Disposition: form-data{also}\r\n\r\npaint\r\n--b--\r\n"
    answer = client.post(path, data=body, content_type="multipart/form-data; boundary=b")
    assert answer.status_code == 422
    assert "has no name" in answer.get_data(as_text=True)


@pytest.mark.parametrize("last", ["9" * 18, "9" * 30, "9" * 5_000, "-1", "\u00b2", "x", ""])
def test_odd_places_to_go_on_in_a_stream(client: FlaskClient, picture: Picture, last: str) -> None:
    sent = {"content": (io.BytesIO(picture()), "p.png"), "style_id": "woodcut"}
    job = client.post("/v1/jobs", data=sent).json
    client.post(job["urls"]["cancel"])

    headers = {"Last-Event-ID": last.encode().decode("latin-1")}
    with client.get(job["urls"]["events"], headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.text.count("event: state") == (0 if last == "9" * 18 else 2)


def test_json_is_read_up_to_a_bound(client: FlaskClient) -> None:
    large = json.dumps({"params": {"x": "y" * 600_000}})

    for path in ("/v1/jobs", "/v1/jobs/x/output/url"):
        answer = client.post(path, data=large, content_type="application/json")
        assert (answer.status_code, answer.json["code"]) == (413, "request_entity_too_large"), path
