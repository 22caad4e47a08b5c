from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

CONTROLS = {"pause", "resume", "finish"}
RECORDS = {"losses", "samples"}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"kind": "train", "name": "mine", "style_id": "woodcut"}, CONTROLS | RECORDS),
        ({"kind": "optimize", "style_id": "woodcut"}, RECORDS),
        ({"kind": "export", "network": "slim"}, set()),
        ({"kind": "stylize", "style_id": "woodcut"}, set()),
    ],
)
def test_urls_of_a_job_name_only_what_its_kind_can_do(
    client: FlaskClient, picture: Callable[..., bytes], form: dict[str, Any], expected: set[str]
) -> None:
    photo = (
        {"content": (io.BytesIO(picture()), "f.png")} if form["kind"] in {"optimize", "stylize"} else {}
    )
    job = client.post("/v1/jobs", data={**form, **photo}).json

    assert set(job["urls"]) & (CONTROLS | RECORDS) == expected
    for name in ("pause", "resume"):
        status = client.post(f"/v1/jobs/{job['id']}/{name}").status_code
        assert status == (202 if name in expected else 409)
    for name in RECORDS & expected:
        assert client.get(job["urls"][name]).status_code == 200
