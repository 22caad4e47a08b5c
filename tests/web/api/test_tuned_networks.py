"""Tuned networks over HTTP: `network=auto`, and which styles are tuned."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from support.tests_support import network_file

from jobs.db.models.trainings import TrainedNetwork
from jobs.errors import NotFoundError
from jobs.params.train import StyleTuning
from jobs.service import JobService

Picture = Callable[..., bytes]
STATISTICS = {"style": {"statistics": [0.5] * 336}}


def file(data: bytes, name: str = "a.png") -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), name


@pytest.fixture
def submit(client: FlaskClient, picture: Picture) -> Callable[..., Any]:
    def send(**form: Any) -> Any:
        answer = client.post("/v1/jobs", data={"content": file(picture()), **form})
        assert answer.status_code == 202, answer.json
        return answer.json

    return send


@pytest.fixture
def tuned_to(client: FlaskClient, service: JobService) -> Callable[[str], str]:
    """Import a network and record that it is tuned to a style; returns its id."""

    def tune(style_sha256: str) -> str:
        data = network_file("slim_adain", **STATISTICS)
        answer = client.post("/v1/networks", data={"file": file(data), "name": "mine"})
        assert answer.status_code == 201, answer.json
        assert answer.json["styled"] is True
        network_id = answer.json["id"]
        with service.sessions.begin() as session:
            session.execute(
                update(TrainedNetwork)
                .where(TrainedNetwork.id == network_id)
                .values(style_sha256=style_sha256)
            )
        return str(network_id)

    return tune


def roles(job: Any) -> list[str]:
    return [each["role"] for each in job["inputs"]]


def test_a_style_of_the_gallery_gets_its_network(submit: Callable[..., Any]) -> None:
    job = submit(style_id="night-oils")
    assert (job["params"]["network"], roles(job)) == ("tuned-night-oils", ["content", "style"])
    assert submit(style_id="night-oils", network="auto")["params"] == job["params"]
    assert submit(style_id="night-oils", network="slim")["params"]["network"] == "slim"
    one = submit(styles=json.dumps([{"style_id": "night-oils", "weight": 2}]))
    assert one["params"]["network"] == "tuned-night-oils"


def test_mixes_and_own_pictures_get_slim(submit: Callable[..., Any], picture: Picture) -> None:
    mix = [{"style_id": "night-oils"}, {"style_id": "cathedral-glass"}]
    assert submit(styles=json.dumps(mix))["params"]["network"] == "slim"
    assert submit(style=file(picture(seed=5)))["params"]["network"] == "slim"
    region = {"mask": "face", "style_id": "cathedral-glass"}
    masked = submit(style_id="night-oils", regions=json.dumps([region]), face=file(picture(seed=6)))
    assert masked["params"]["network"] == "slim"


def test_a_mask_without_a_style_keeps_the_tuned_network(
    submit: Callable[..., Any], picture: Picture
) -> None:
    region = {"mask": "face", "alpha": 0}
    masked = submit(style_id="night-oils", regions=json.dumps([region]), face=file(picture(seed=6)))
    assert masked["params"]["network"] == "tuned-night-oils"


def test_a_bundled_network_by_its_name_takes_no_style(
    client: FlaskClient, submit: Callable[..., Any], picture: Picture
) -> None:
    job = submit(network="tuned-night-oils", stroke="2")
    assert roles(job) == ["content"]
    body = {"content": file(picture()), "network": "tuned-night-oils", "style_id": "woodcut"}
    refused = client.post("/v1/jobs", data=body)
    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == "style_id"
    export = {"kind": "export", "params": {"network": "tuned-night-oils", "format": "onnx"}}
    assert client.post("/v1/jobs", json=export).status_code == 202


@pytest.mark.parametrize("name", ["auto", "tuned-night-oils"])
def test_names_of_bundled_networks_are_taken(client: FlaskClient, name: str) -> None:
    answer = client.post("/v1/networks", data={"file": file(network_file()), "name": name})
    assert answer.status_code == 422
    assert "bundled" in answer.json["errors"][0]["detail"]


def test_batches_choose_the_network_of_each_style(client: FlaskClient, picture: Picture) -> None:
    form = {"content": file(picture()), "style_id": ["night-oils", "cathedral-glass"]}
    form["style"] = file(picture(seed=7))
    batch = client.post("/v1/batches", data=form).json
    jobs = client.get(batch["urls"]["jobs"]).json["jobs"]
    networks = {job["params"]["network"] for job in jobs}
    assert networks == {"tuned-night-oils", "tuned-cathedral-glass", "slim"}


def test_a_network_of_the_owner_comes_first_and_goes_when_it_is_deleted(
    client: FlaskClient,
    service: JobService,
    submit: Callable[..., Any],
    tuned_to: Callable[[str], str],
    picture: Picture,
) -> None:
    own = {"file": file(picture(seed=3)), "title": "Mine"}
    style = client.post("/v1/styles", data=own).json
    assert (style["tuned"], style["network"]) == (False, "slim")
    network_id = tuned_to(style["sha256"])

    tuned = client.get(style["urls"]["self"]).json
    assert (tuned["tuned"], tuned["network"]) == (True, "mine@1")
    job = submit(style_id=style["id"])
    assert (job["params"]["network"], roles(job)) == ("mine@1", ["network", "content", "style"])
    # Another owner has neither.
    other = service.for_owner("someone")
    assert other.networks.tuned_to(style["sha256"]) is None
    assert style["sha256"] not in other.networks.tuned_styles()

    assert client.delete(f"/v1/networks/{network_id}").status_code == 204
    assert client.get(style["urls"]["self"]).json["tuned"] is False
    assert submit(style_id=style["id"], seed="1")["params"]["network"] == "slim"


def test_the_list_says_which_styles_are_tuned(client: FlaskClient) -> None:
    styles = {style["id"]: style for style in client.get("/v1/styles").json["styles"]}
    assert styles["night-oils"]["tuned"] is True
    assert styles["night-oils"]["network"] == "tuned-night-oils"


@pytest.mark.parametrize("statistics", ["abc", [1, "2"], [1, None], {"a": 1}])
def test_statistics_that_are_no_numbers_are_refused(client: FlaskClient, statistics: object) -> None:
    data = network_file("slim_adain", style={"statistics": statistics})
    answer = client.post("/v1/networks", data={"file": file(data), "name": "odd"})
    assert answer.status_code == 422


# -- POST /v1/styles/{id}/tune ------------------------------------------------------------------


@pytest.fixture
def own_style(client: FlaskClient, picture: Picture) -> Any:
    own = {"file": file(picture(seed=3)), "title": "Küste bei Nacht, № 2"}
    return client.post("/v1/styles", data=own).json


def test_a_tuning_is_a_training_job_named_after_the_style(client: FlaskClient, own_style: Any) -> None:
    answer = client.post(own_style["urls"]["self"] + "/tune")
    job = answer.json
    assert (answer.status_code, answer.headers["Location"]) == (202, job["urls"]["self"])
    assert (job["kind"], job["params"]["recipe"]) == ("train", "tune")
    assert job["params"]["name"] == "own-kuste-bei-nacht-no-2"
    assert (job["params"]["max_steps"], job["params"]["intensity"]) == (130, "balanced")
    assert [(each["role"], each["sha256"]) for each in job["inputs"]] == [
        ("style", own_style["sha256"])
    ]
    assert {"pause", "finish", "samples"} <= set(job["urls"])


def test_a_second_request_shows_the_tuning_that_has_not_ended(
    client: FlaskClient, own_style: Any
) -> None:
    url = own_style["urls"]["self"] + "/tune"
    first = client.post(url, json={"intensity": "bold"}).json
    assert client.post(url).json["id"] == first["id"]
    assert client.post(first["urls"]["cancel"]).status_code == 200
    again = client.post(url, json={"intensity": "bold", "max_steps": 200, "name": "coast"}).json
    assert again["id"] != first["id"]
    assert (again["params"]["name"], again["params"]["max_steps"]) == ("coast", 200)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"intensity": "wild"}, "intensity"),
        ({"max_steps": 0}, "max_steps"),
        ({"image_size": 100}, "image_size"),
        ({"name": "Not a name"}, "name"),
        ({"name": "slim"}, "name"),
        ({"dataset_id": "none"}, "dataset_id"),
        ({"recipe": "johnson"}, "recipe"),
        ({"network": "full"}, "network"),
    ],
)
def test_wrong_settings_of_a_tuning_are_named(
    client: FlaskClient, own_style: Any, body: dict[str, Any], pointer: str
) -> None:
    answer = client.post(own_style["urls"]["self"] + "/tune", json=body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == pointer


def test_styles_that_can_not_be_tuned(client: FlaskClient, service: JobService, own_style: Any) -> None:
    assert client.post("/v1/styles/none/tune").status_code == 404
    bundled = client.post("/v1/styles/night-oils/tune")
    assert bundled.status_code == 409
    assert "comes with a network" in bundled.json["detail"]
    other = service.for_owner("someone")
    with pytest.raises(NotFoundError):
        other.tune(own_style["id"], StyleTuning())
    assert client.post(own_style["urls"]["self"] + "/tune", data="x").status_code == 400


def test_a_deleted_style_leaves_its_tuning_and_its_networks(
    client: FlaskClient, own_style: Any, tuned_to: Callable[[str], str]
) -> None:
    tuned_to(own_style["sha256"])
    job = client.post(own_style["urls"]["self"] + "/tune").json
    assert client.delete(own_style["urls"]["self"]).status_code == 204
    assert client.get(job["urls"]["self"]).json["status"] == "queued"
    (network,) = client.get("/v1/networks").json["items"]
    assert network["style_sha256"] == own_style["sha256"]
