"""Trainings, networks and datasets over HTTP."""

from __future__ import annotations

import io
import json
import random
import stat
import zipfile
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from support.tests_support import network_file, zipped

from jobs.blobs.rows import store_blob
from jobs.errors import LeaseLostError
from jobs.media.pictures import PictureInfo
from jobs.queue import lifecycle
from jobs.queue.lifecycle import Run
from jobs.service import JobService
from jobs.settings import Settings
from jobs.trainings import record
from params.training import AdaINSettings, JohnsonSettings
from web import create_app

Picture = Callable[..., bytes]


def file(data: bytes, name: str = "f.bin") -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), name


@pytest.fixture
def training(client: FlaskClient) -> dict[str, Any]:
    form = {"kind": "train", "name": "mine", "style_id": "woodcut", "max_steps": "10"}
    answer = client.post("/v1/jobs", data=form)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json
    return job


@pytest.fixture
def run(service: JobService, training: dict[str, Any]) -> Run:
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "train", "w", 60)
    assert run is not None
    return run


def test_a_training_is_a_job(training: dict[str, Any]) -> None:
    assert (training["kind"], training["status"], training["paused"]) == ("train", "queued", False)
    assert training["params"]["dataset_id"] == "samples"
    assert training["params"]["max_steps"] == 10
    assert training["params"]["warm_start"] is True
    assert [each["role"] for each in training["inputs"]] == ["style"]
    assert training["urls"]["pause"].endswith("/pause")


@pytest.mark.parametrize(
    ("form", "pointer"),
    [
        ({"style_id": "woodcut"}, "name"),
        ({"name": "Bad Name", "style_id": "woodcut"}, "name"),
        ({"name": "slim", "style_id": "woodcut"}, "name"),
        ({"name": "n"}, "style"),
        ({"name": "n", "style_id": "nope"}, "style_id"),
        ({"name": "n", "style_id": "woodcut", "dataset_id": "nope"}, "dataset_id"),
        ({"name": "n", "style_id": "woodcut", "max_steps": "0"}, "max_steps"),
        ({"name": "n", "style_id": "woodcut", "style_weight": "nan"}, "style_weight"),
        ({"name": "n", "style_id": "woodcut", "alpha": "1"}, "alpha"),
        ({"name": "n", "style_id": "woodcut", "architecture": "adain"}, "style_dataset_id"),
        ({"name": "n", "architecture": "adain", "style_dataset_id": "nope"}, "style_dataset_id"),
        (
            {
                "name": "n",
                "architecture": "adain",
                "style_dataset_id": "samples",
                "style_id": "woodcut",
            },
            "style_id",
        ),
    ],
)
def test_what_no_training_can_be(client: FlaskClient, form: dict[str, str], pointer: str) -> None:
    answer = client.post("/v1/jobs", data={"kind": "train", **form})

    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json["errors"]]
    assert client.get("/v1/jobs").json["jobs"] == []


ADAIN = {"name": "n", "architecture": "adain", "style_dataset_id": "samples"}


def test_an_adain_training_has_its_own_settings_and_defaults(client: FlaskClient) -> None:
    form = {"kind": "train", **ADAIN, "network": "full", "inversion_steps": "10", "gram_weight": "2"}
    params = client.post("/v1/jobs", data={**form, "content_zoom": "0.5,1"}).json["params"]

    assert (params["network"], params["inversion_steps"], params["gram_weight"]) == ("full", 10, 2)
    assert params["content_zoom"] == [0.5, 1]
    defaults = AdaINSettings().model_dump(mode="json")
    assert {name: params[name] for name in defaults if name not in form and name != "content_zoom"} == {
        name: value for name, value in defaults.items() if name not in form and name != "content_zoom"
    }
    assert (params["batch_size"], params["image_size"], params["style_size"]) == (8, 128, 160)
    assert "strength" not in params


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"strength": "2"}, "Trainings of the recipe adain have no such setting"),
        ({"tv_weight": "1"}, "Trainings of the recipe adain have no such setting"),
        ({"warm_start": "true"}, "Trainings of the recipe adain have no such setting"),
        ({"early_stop": "true"}, "Trainings of the recipe adain have no such setting"),
        ({"use_amp": "true"}, "Trainings of the recipe adain have no such setting"),
        ({"image_size": "33"}, "multiple of 8"),
        ({"style_size": "100"}, "multiple of 8"),
        ({"network": "medium"}, "'slim' or 'full'"),
    ],
)
def test_settings_that_mean_nothing_to_adain_are_refused(
    client: FlaskClient, setting: dict[str, str], words: str
) -> None:
    answer = client.post("/v1/jobs", data={"kind": "train", **ADAIN, **setting})

    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert error["pointer"] == next(iter(setting))
    assert words in error["detail"]


def test_settings_of_adain_mean_nothing_to_a_training_of_one_style(client: FlaskClient) -> None:
    form = {"kind": "train", "name": "n", "style_id": "woodcut", "gram_weight": "1"}
    (error,) = client.post("/v1/jobs", data=form).json["errors"]

    assert error["pointer"] == "gram_weight"
    assert "recipe johnson have no such setting" in error["detail"]
    form = {"kind": "train", "name": "n", "style_id": "woodcut", "recipe": "cubism"}
    (error,) = client.post("/v1/jobs", data=form).json["errors"]
    assert error["pointer"] == "recipe"
    assert "use johnson, adain or tune" in error["detail"]


def test_the_description_of_the_api_has_every_setting_of_each_architecture(client: FlaskClient) -> None:
    body = client.get("/openapi.json").json["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]
    forms = {
        each["title"]: each["properties"] for each in body["multipart/form-data"]["schema"]["anyOf"]
    }

    assert set(AdaINSettings.model_fields) <= set(forms["train adain"])
    assert set(JohnsonSettings.model_fields) <= set(forms["train johnson"])
    assert "strength" not in forms["train adain"]
    assert "gram_weight" not in forms["train johnson"]
    assert forms["train adain"]["image_size"]["multipleOf"] == 8


def test_a_photo_is_no_part_of_a_training(client: FlaskClient, picture: Picture) -> None:
    form = {"kind": "train", "name": "n", "style_id": "woodcut", "content": file(picture())}
    answer = client.post("/v1/jobs", data=form)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "content"


def test_an_optimisation_is_a_job(client: FlaskClient, picture: Picture) -> None:
    form = {
        "kind": "optimize",
        "content": file(picture()),
        "style_id": "woodcut",
        "style_layers": "relu1_1,relu2_1",
        "layer_weights": "[1, 2]",
    }
    job = client.post("/v1/jobs", data=form).json

    assert job["params"]["style_layers"] == ["relu1_1", "relu2_1"]
    assert [each["role"] for each in job["inputs"]] == ["content", "style"]
    wrong = client.post("/v1/jobs", data={**form, "content": file(picture()), "layer_weights": "1"})
    assert wrong.status_code == 422
    assert client.post(f"{job['urls']['self']}/pause").status_code == 409


def test_pause_resume_and_finish(
    client: FlaskClient, service: JobService, training: dict[str, Any]
) -> None:
    urls = training["urls"]
    early = client.post(urls["finish"])
    assert (early.status_code, early.json["code"]) == (409, "conflict")

    paused = client.post(urls["pause"])
    assert (paused.status_code, paused.json["paused"]) == (202, True)
    assert paused.json["queue"]["paused"]
    with service.sessions.begin() as session:
        assert lifecycle.claim(session, "train", "w", 60) is None
    resumed = client.post(urls["resume"])
    assert (resumed.json["paused"], client.post(urls["resume"]).status_code) == (False, 202)
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "train", "w", 60)
        assert run is not None
        assert not record.read_signals(session, run).finish
    assert client.post(urls["finish"]).status_code == 202
    with service.sessions.begin() as session:
        assert record.read_signals(session, run).finish
        lifecycle.succeed(session, run, {})
    assert client.post(urls["pause"]).status_code == 409


def test_losses_and_samples(
    client: FlaskClient, service: JobService, training: dict[str, Any], run: Run, picture: Picture
) -> None:
    info = PictureInfo(media_type="image/png", width=48, height=32)
    sha256 = store_blob(service.sessions, service.storage, picture(), info)
    for step in (1, 2, 3, 2):  # the run went back
        with service.sessions.begin() as session:
            losses = {"content": step, "style": 2.0, "tv": 0.5, "total": step + 2.5}
            record.save_losses(session, run, step, losses)
    with service.sessions.begin() as session:
        record.save_sample(session, run, 2, sha256)
        record.record_notice(session, run, 2, "rescued", "It went back.")

    urls = training["urls"]
    assert [loss["step"] for loss in client.get(urls["losses"]).json["items"]] == [1, 2]
    (later,) = client.get(urls["losses"] + "?after=1").json["items"]
    assert later == {"step": 2, "content": 2.0, "style": 2.0, "tv": 0.5, "total": 4.5}
    assert client.get(urls["losses"] + "?after=x").status_code == 422
    (sample,) = client.get(urls["samples"]).json["items"]
    assert client.get(sample["url"]).data == picture()
    assert client.get(urls["samples"] + "/7").status_code == 404
    job = client.get(urls["self"]).json
    assert job["outputs"] == []  # samples are no outputs
    events = {event.type: event.data for event in service.events(training["id"])}
    assert events["sample"] == {"step": 2, "url": sample["url"]}
    assert events["notice"]["message"] == "It went back."


def test_a_run_that_lost_its_lease_writes_nothing(
    service: JobService, training: dict[str, Any], run: Run
) -> None:
    with service.sessions.begin() as session:
        lifecycle.requeue(session, run, reason="stalled")
    writes: list[Callable[..., None]] = [
        lambda session: record.save_losses(session, run, 1, {"content": 1.0}),
        lambda session: record.record_notice(session, run, 1, "code", "words"),
        lambda session: record.save_sample(session, run, 1, "0" * 64),
        lambda session: record.save_checkpoint(session, run, 1, "0" * 64),
    ]
    for write in writes:
        with pytest.raises(LeaseLostError), service.sessions.begin() as session:
            write(session)

    assert service.trainings.losses(training["id"]) == []
    assert service.get(training["id"]).checkpoint_step is None


def test_a_network_is_taken_listed_downloaded_and_forgotten(client: FlaskClient) -> None:
    data = network_file(training={"steps": 3}, figures={"style": 0.1})
    for version in (1, 2):
        answer = client.post("/v1/networks", data={"file": file(data), "name": "ink"})
        assert (answer.status_code, answer.json["version"]) == (201, version)
    network = answer.json
    assert network["settings"] == {"steps": 3}
    assert network["figures"] == {"style": 0.1}

    assert len(client.get("/v1/networks").json["items"]) == 2
    download = client.get(network["urls"]["file"] + "?download=1")
    assert download.data == data
    assert "ink-v2.safetensors" in download.headers["Content-Disposition"]
    assert client.get(f"{network['urls']['self']}/style").status_code == 404
    assert client.delete(network["urls"]["self"]).status_code == 204
    assert client.get(network["urls"]["self"]).status_code == 404


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a network",
        b"\xff" * 64,
        network_file()[:-1],
        network_file() + b"x",
        network_file("perceptron"),
        network_file(format="another"),
        network_file(["johnson"]),
        network_file({"a": 1}),
        network_file(figures={"loss": float("nan")}),
        network_file(settings={"rate": [float("-inf")]}),
        network_file("slim_adain", settings={"widths": [3000, 3000, 3000]}),
        network_file("slim_adain", settings={"blocks": 10**8}),
        network_file("slim_adain", settings={"blocks": -1}),
        network_file("slim_adain", settings={"widths": "abc"}),
        network_file("slim_adain", settings={"nope": 1}),
        network_file("slim_adain", settings=[1]),
        network_file("slim_adain", noise="loud"),
        network_file("slim_adain", style=[1]),
        network_file("slim_adain", int8={"stem": "wide"}),
        network_file("full_adain", settings={"width": 1e9}),
        network_file("adain_vgg19", settings={"width": 2}),
        (8).to_bytes(8, "little") + b"[[[[[[[[",
        (10).to_bytes(8, "little") + b'{"a":{}}  ',
    ],
)
def test_what_is_no_network_is_refused(client: FlaskClient, data: bytes, stored: set[Path]) -> None:
    answer = client.post("/v1/networks", data={"file": file(data), "name": "ink"})

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "file"
    assert client.get("/v1/networks").json["items"] == []


def test_a_stylised_network_wants_no_style(client: FlaskClient, picture: Picture) -> None:
    client.post("/v1/networks", data={"file": file(network_file()), "name": "ink"})
    client.post("/v1/networks", data={"file": file(network_file("slim_adain")), "name": "any"})

    def submit(**form: Any) -> Any:
        return client.post("/v1/jobs", data={"content": file(picture()), **form})

    job = submit(network="ink").json
    assert [each["role"] for each in job["inputs"]] == ["network", "content"]
    assert submit(network="ink", style_id="woodcut").status_code == 422
    assert submit(network="ink", stroke="2").status_code == 202
    assert submit(network="ink", color="match").status_code == 202
    assert submit(network="any").status_code == 422
    assert submit(network="any", style_id="woodcut").status_code == 202
    assert submit(network="ink@2").status_code == 422
    assert submit(network="none").json["errors"][0]["pointer"] == "network"


def test_a_dataset_of_an_archive(client: FlaskClient, picture: Picture) -> None:
    archive = zipped(
        {
            "holiday/a.png": picture(seed=1),
            "holiday/b.PNG": picture(seed=2),
            "again.png": picture(seed=1),
            "__MACOSX/._a.png": b"litter",
            ".DS_Store": b"litter",
        }
    )
    answer = client.post("/v1/datasets", data={"file": file(archive), "name": "Holiday"})

    assert (answer.status_code, answer.json["images"]) == (201, 2)
    dataset = answer.json
    assert client.get(f"{dataset['urls']['self']}/images/1").data == picture(seed=2)
    assert client.get(f"{dataset['urls']['self']}/images/2").status_code == 404
    samples, own = client.get("/v1/datasets").json["items"]
    assert (samples["id"], samples["own"], own["id"]) == ("samples", False, dataset["id"])
    form = {"kind": "train", "name": "n", "style_id": "woodcut", "dataset_id": dataset["id"]}
    job = client.post("/v1/jobs", data=form).json
    assert client.delete(dataset["urls"]["self"]).status_code == 409  # a training needs it
    client.post(job["urls"]["cancel"])
    assert client.delete(dataset["urls"]["self"]).status_code == 204
    assert client.delete(samples["urls"]["self"]).status_code == 409
    retried = client.post(job["urls"]["retry"])
    assert (retried.status_code, retried.json["errors"][0]["pointer"]) == (422, "dataset_id")


def flat(level: int) -> bytes:
    """A picture of 0.75 MB that an archive makes next to nothing of."""
    out = io.BytesIO()
    Image.new("RGB", (500, 500), (level, level, level)).save(out, "PNG", compress_level=0)
    return out.getvalue()


def shifted() -> bytes:
    """A TIFF of 40 kB that is a PNG of 0.75 MB: its rows repeat each other, shifted."""
    tile = random.Random(0).randbytes(1503)
    rows = (bytes(islice(cycle(tile), 111 * row % 1503, 111 * row % 1503 + 1500)) for row in range(500))
    out = io.BytesIO()
    picture = Image.frombytes("RGB", (500, 500), b"".join(rows))
    picture.save(out, "TIFF", compression="tiff_adobe_deflate", strip_size=1_000_000)
    return out.getvalue()


def linked(picture: bytes) -> bytes:
    """An archive whose picture says that it is a symbolic link, and is whole all the same."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        member = zipfile.ZipInfo("a.png")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, picture)
    return out.getvalue()


def hostile(picture: bytes) -> dict[str, bytes]:
    bomb = zipped({"bomb.png": b"\0" * 30_000_000})
    lying = bytearray(zipped({"a.png": picture}))
    lying[lying.rindex(b"PK\x01\x02") + 24 : lying.rindex(b"PK\x01\x02") + 28] = b"\x05\0\0\0"
    encrypted = bytearray(zipped({"a.png": picture}))
    encrypted[encrypted.rindex(b"PK\x01\x02") + 8] |= 1
    return {
        "nothing": b"",
        "no archive": b"PK\x03\x04" + b"x" * 50,
        "cut short": zipped({"a.png": picture})[:-30],
        "empty": zipped({}),
        "slip": zipped({"../../etc/a.png": picture}),
        "backslip": zipped({"..\\a.png": picture}),
        "absolute": zipped({"/a.png": picture}),
        "drive": zipped({"C:/a.png": picture}),
        "script": zipped({"a.png": picture, "run.sh": b"#!"}),
        "nested": zipped({"a.zip": zipped({"a.png": picture})}),
        "no picture": zipped({"a.png": b"not one"}),
        "half a picture": zipped({"a.png": picture[:100]}),
        "bomb": bomb,
        "lying": bytes(lying),
        "encrypted": bytes(encrypted),
        "link": linked(picture),
        "much from little": zipped({f"{n}.png": flat(n) for n in range(4)}),
        "much as PNG": zipped({f"{n}.tif": shifted() for n in range(4)}),
        "too many": zipped({f"{n}.png": picture for n in range(9)}),
    }


def test_hostile_archives_leave_nothing(
    settings: Settings, service: JobService, picture: Picture, stored: set[Path]
) -> None:
    update = {"max_dataset_images": 8, "max_upload_mb": 5, "max_dataset_mb": 1}
    few = settings.model_copy(update=update)
    small = JobService(few, service.engine, service.storage, service.broker)
    client = create_app(few, small).test_client()
    cases = hostile(picture())
    assert len(cases["much from little"]) < 100_000
    assert len(cases["much as PNG"]) < 200_000

    for name, data in cases.items():
        answer = client.post("/v1/datasets", data={"file": file(data), "name": "x"})
        assert answer.status_code in {415, 422}, (name, answer.text)
        assert "Traceback" not in answer.text
    assert len(cases) >= 15
    assert len(client.get("/v1/datasets").json["items"]) == 1
    now = {path for path in small.storage.folder.rglob("*") if path.is_file()}  # type: ignore[attr-defined]
    assert now == stored


def test_a_folder_below_the_root(
    settings: Settings, service: JobService, picture: Picture, tmp_path: Path, client: FlaskClient
) -> None:
    root = tmp_path / "photos"
    (root / "trip").mkdir(parents=True)
    (root / "none").mkdir()
    (root / "trip" / "a.png").write_bytes(picture())
    (tmp_path / "secret").mkdir()
    assert client.post("/v1/datasets", data={"folder": "trip", "name": "x"}).status_code == 422
    rooted = settings.model_copy(update={"dataset_root": str(root)})
    app: Flask = create_app(rooted, JobService(rooted, service.engine, service.storage, service.broker))
    client = app.test_client()

    answer = client.post("/v1/datasets", data={"folder": "trip", "name": "Trip"})
    assert (answer.status_code, answer.json["images"], answer.json["folder"]) == (201, 1, "trip")
    for folder in ("../secret", "/etc", "none", "nope", "trip/a.png"):
        wrong = client.post("/v1/datasets", data={"folder": folder, "name": "x"})
        assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, "folder"), folder
    assert json.dumps(answer.json).count(str(root)) == 0
