"""Exports through the API: what is taken, and what is refused before there is a row."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from jobs.db.engine import reading
from jobs.db.models.jobs import Job
from jobs.service import JobService


def test_an_export_is_a_job_of_the_train_queue(client: FlaskClient, service: JobService) -> None:
    body = {"kind": "export", "params": {"network": "slim", "format": "openvino", "precision": "int8"}}
    for answer in (
        client.post("/v1/jobs", json=body),
        client.post("/v1/jobs", data={"kind": "export", **body["params"]}),  # type: ignore[dict-item]
    ):
        assert answer.status_code == 202, answer.text
        assert answer.json is not None
        assert answer.json["params"] == body["params"]
        assert answer.json["inputs"] == []
        assert service.get(answer.json["id"]).queue == "train"


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        ({}, "network", "required"),
        ({"network": "absent"}, "network", "There is no network 'absent'"),
        ({"network": "slim", "format": "tflite"}, "format", "onnx"),
        ({"network": "slim", "format": "torchscript", "precision": "int8"}, "body", "has no int8"),
        ({"network": "slim", "style_id": "woodcut"}, "style_id", "no pictures"),
        ({"network": "slim", "content": True}, "content", "no pictures"),
        ({"network": "slim", "alpha": "1"}, "alpha", "no such field"),
    ],
)
def test_what_can_not_be_exported_leaves_nothing(
    client: FlaskClient,
    service: JobService,
    picture: Callable[..., bytes],
    fields: dict[str, object],
    pointer: str,
    words: str,
) -> None:
    form: dict[str, object] = {"kind": "export", **fields}
    if "content" in fields:
        form["content"] = (io.BytesIO(picture()), "p.png")
    answer = client.post("/v1/jobs", data=form)
    assert answer.status_code == 422
    assert answer.json is not None
    (error,) = answer.json["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]
    with reading(service.sessions) as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0
