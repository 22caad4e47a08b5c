"""Training jobs: what they record, and what becomes of their files.

A fake trainer speaks the protocol of the real one; three tests run the real one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from support.submitting import submit_job

from jobs.catalog.network_header import read_header
from jobs.catalog.networks import FILE_INFO
from jobs.db.engine import reading
from jobs.db.models.jobs import Job, JobFile
from jobs.db.models.trainings import TrainedNetwork, TrainingLoss
from jobs.errors import StorageError
from jobs.media.pictures import CheckedFile, Upload
from jobs.queue.lifecycle import JobStatus
from jobs.service import JobService
from nst_core.training.config import parse_config
from worker import execution
from worker.context import WorkerContext


@pytest.mark.usefixtures("real_trainer")
def test_a_training_becomes_a_network_that_a_job_uses(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    picture: Callable[..., bytes],
) -> None:
    job_id = submit(sample_interval="2", checkpoint_interval="2")
    execution.run_next(context, "train", "w")

    job = service.get(job_id)
    assert job.status == JobStatus.SUCCEEDED, job.error
    assert [file.role for file in job.outputs] == ["image", "network"]
    assert job.metrics is not None
    assert (job.metrics["steps"], job.metrics["reason"]) == (4, "steps")
    network = service.networks.find_by_name("mine")
    assert network is not None
    assert (network.version, network.architecture, network.styled) == (1, "johnson", True)
    assert read_header(context.storage.get(network.sha256)).architecture == "johnson"
    assert network.style_sha256 == job.inputs[0].sha256
    assert [loss.step for loss in service.trainings.losses(job_id)][-1] == 4
    assert {file.position for file in service.trainings.samples(job_id)} >= {2, 4}
    assert {"sample", "progress", "state"} <= {event.type for event in service.events(job_id)}
    assert not (context.settings.home / "trainings" / job_id).exists()

    content = Upload(data=picture(seed=5), field="content", name="content")
    used = submit_job(service, "stylize", {"network": "mine"}, content=content).id
    execution.run_next(context, "stylize", "w")
    job = service.get(used)
    assert job.status == JobStatus.SUCCEEDED, job.error
    again = submit_job(service, "stylize", {"network": "mine@1"}, content=content)
    assert not again.cached  # it was asked for by another name
    same = submit_job(service, "stylize", {"network": "mine"}, content=content)
    assert same.cached


def test_what_can_not_be_stored_is_not_trained_again(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job_id, made = submit(), list[bytes]()

    def full(staged: object, files: list[CheckedFile]) -> bool:
        made.extend(file.data for file in files if file.info is FILE_INFO)
        raise StorageError("The file store failed: No space left on device.")

    with monkeypatch.context() as patch:
        patch.setattr(execution.StagedFiles, "add", full)
        execution.run_next(context, "train", "w")
    assert service.get(job_id).status == JobStatus.QUEUED
    folder = context.settings.home / "trainings" / job_id
    left = sorted(path.name for path in (folder / "checkpoints").glob("checkpoint-*.pt"))
    assert left[-1:] == ["checkpoint-00000004.pt"]  # the last step: nothing is left to train
    with service.sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(run_at=Job.created_at))
    execution.run_next(context, "train", "w")

    job = service.get(job_id)
    assert job.status == JobStatus.SUCCEEDED, job.error
    network = next(file for file in job.outputs if file.role == "network")
    assert context.storage.get(network.sha256) == made[0]
    assert job.metrics is not None
    assert job.metrics["figures"] == {"resumed_at": 4}  # nothing was left to train
    assert not folder.exists()


def test_a_second_training_of_a_name_is_a_version(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    for _ in range(2):
        submit(max_steps="1")
        execution.run_next(context, "train", "w")

    assert [network.version for network in service.networks.all()] == [2, 1]


def test_a_training_that_fails_is_not_tried_again(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    job_id = submit(strength="13")  # the fake trainer fails at this strength
    execution.run_next(context, "train", "w")

    job = service.get(job_id)
    assert job.status == JobStatus.FAILED
    assert job.error == {
        "code": "diverged",
        "detail": "The loss grows instead of falling.",
        "retryable": False,
    }


def test_notices_samples_and_rates_are_recorded(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    job_id = submit(max_steps="6", sample_interval="2", log_interval="1")
    execution.run_next(context, "train", "w")

    job = service.get(job_id)
    assert job.metrics is not None
    assert job.metrics["notices"] == ["The style weight is 1."]
    assert job.metrics["images_per_second"] == 100
    assert [file.position for file in service.trainings.samples(job_id)] == [2, 4, 6]
    notices = [event.data for event in service.events(job_id) if event.type == "notice"]
    assert [each["code"] for each in notices] == ["style_weight"]


def test_the_trainer_gets_the_settings_of_its_architecture(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    values = {"name": "any", "architecture": "adain", "style_dataset_id": "samples"}
    adain = submit_job(
        service, "train", {**values, "max_steps": "1", "gram_weight": "7"}, content=None
    ).id
    johnson = submit(max_steps="1", strength="2")
    specs = {}
    for job_id in (adain, johnson):
        execution.run_next(context, "train", "w")
        (file,) = [each for each in service.get(job_id).outputs if each.role == "network"]
        specs[job_id] = read_header(context.storage.get(file.sha256)).metadata["training"]

    assert parse_config("adain", specs[adain]["settings"]).gram_weight == 7
    assert len(specs[adain]["style"]) == len(specs[adain]["contents"]) >= 4
    config = parse_config("johnson", specs[johnson]["settings"])
    assert (config.strength, config.warm_start, config.batch_size) == (2, False, 1)
    assert isinstance(specs[johnson]["style"], str)


def test_only_the_newest_checkpoint_is_kept(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    job_id = submit(max_steps="6", checkpoint_interval="2")
    execution.run_next(context, "train", "w")

    with reading(service.sessions) as session:
        kept = session.scalars(
            select(JobFile).where(JobFile.job_id == job_id, JobFile.direction == "state")
        ).all()
    assert len(kept) <= 1
    assert service.get(job_id).status == JobStatus.SUCCEEDED


def test_a_dataset_that_went_away_fails_the_job_in_words(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    job_id = submit()
    with service.sessions.begin() as session:
        session.execute(update(Job).values(params={**service.get(job_id).params, "dataset_id": "gone"}))
    execution.run_next(context, "train", "w")

    job = service.get(job_id)
    assert job.status == JobStatus.FAILED
    assert job.error == {
        "code": "input_missing",
        "detail": "The dataset gone does not exist any more.",
        "retryable": False,
    }


def test_a_job_that_is_deleted_takes_its_losses_along(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    job_id = submit(max_steps="1")
    execution.run_next(context, "train", "w")
    service.delete(job_id)

    with reading(service.sessions) as session:
        assert session.scalar(select(func.count()).select_from(TrainingLoss)) == 0
        # The network is its owner's, whatever became of the job.
        assert session.scalar(select(func.count()).select_from(TrainedNetwork)) == 1


def test_folders_of_trainings_that_ended_are_swept(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    left: Path = context.settings.home / "trainings" / "somebody-elses"
    left.mkdir(parents=True)
    submit(max_steps="1")
    execution.run_next(context, "train", "w")

    assert not left.exists()


@pytest.mark.usefixtures("real_trainer")
def test_a_network_for_any_style_is_trained_from_two_datasets(
    context: WorkerContext, service: JobService, picture: Callable[..., bytes]
) -> None:
    values = {
        "name": "any",
        "architecture": "adain",
        "style_dataset_id": "samples",
        "max_steps": "2",
        "batch_size": "1",
        "image_size": "32",
        "style_size": "32",
    }
    job_id = submit_job(service, "train", values, content=None).id
    execution.run_next(context, "train", "w")

    job = service.get(job_id)
    assert job.status == JobStatus.SUCCEEDED, job.error
    network = service.networks.find_by_name("any")
    assert network is not None
    assert (network.architecture, network.styled) == ("slim_adain", False)
    used = submit_job(
        service,
        "stylize",
        {"network": "any"},
        content=Upload(data=picture(), field="content", name="content"),
        style=Upload(data=picture(seed=1), field="style", name="style"),
    )
    execution.run_next(context, "stylize", "w")
    assert service.get(used.id).status == JobStatus.SUCCEEDED, service.get(used.id).error


TUNING = {"name": "mine", "recipe": "tune", "max_steps": "2", "batch_size": "1", "image_size": "32"}


@pytest.mark.usefixtures("real_trainer")
def test_a_style_is_tuned_without_photographs_and_then_painted_with_its_network(
    context: WorkerContext, service: JobService, picture: Callable[..., bytes]
) -> None:
    style = service.styles.add(Upload(data=picture(96, 96, seed=4), field="file", name="s"), title="S")
    values = TUNING | {"style_size": "48", "intensity": "bold"}
    job_id = submit_job(service, "train", values, style_id=style.id).id
    execution.run_next(context, "train", "w")

    job = service.get(job_id)
    assert job.status == JobStatus.SUCCEEDED, job.error
    network = service.networks.find_by_name("mine")
    assert network is not None
    assert (network.architecture, network.styled) == ("slim_adain", True)
    assert (network.style_sha256, network.settings["intensity"]) == (style.sha256, "bold")
    assert service.trainings.samples(job_id)
    assert set(network.figures) >= {"steps", "seconds", "content", "style", "gram"}
    content = Upload(data=picture(), field="content", name="content")
    painted = submit_job(service, "stylize", {"stroke": 8}, content=content, style_id=style.id)
    assert painted.params["network"] == "mine@1"
    execution.run_next(context, "stylize", "w")
    assert service.get(painted.id).status == JobStatus.SUCCEEDED, service.get(painted.id).error


def test_the_trainer_of_a_tuning_gets_its_settings(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    small = {"warm_start": None, "early_stop": None, "image_size": "32", "batch_size": "1"}
    submit(recipe="tune", dataset_id="samples", **small)
    execution.run_next(context, "train", "w")

    network = service.networks.find_by_name("mine")
    assert network is not None
    spec = read_header(context.storage.get(network.sha256)).metadata["training"]
    assert (spec["kind"], spec["settings"]["max_steps"]) == ("tune", 4)
    assert len(spec["contents"]) >= 4
    assert parse_config("tune", spec["settings"]).steps_between_checkpoints == 25
