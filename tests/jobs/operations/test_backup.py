"""Backups of either database and either store, restored into an empty place of either kind."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from click.testing import CliRunner
from sqlalchemy import Engine, func, inspect, select, text
from support.databases import dispose
from support.maintenance import maintenance_of
from support.submitting import submit_job

from jobs.accounts.api_keys import ApiKeyStore, Scope
from jobs.blobs.local import LocalStorage
from jobs.blobs.storage import BlobStorage
from jobs.commands.backup import backup as backup_command
from jobs.commands.backup import restore as restore_command
from jobs.db.engine import Base, make_engine, make_sessions
from jobs.db.models.jobs import Job, JobEvent
from jobs.db.schema import alembic_config
from jobs.errors import StorageError
from jobs.operations.backup import BackupError, back_up, header, sha256_of_file
from jobs.operations.restore import restore, verify
from jobs.operations.retention import sweep
from jobs.queue import lifecycle
from jobs.queue.broker import Broker, make_celery
from jobs.service import JobService
from jobs.settings import Settings
from jobs.webhooks.delivery import new_secret

pytestmark = pytest.mark.dialects


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path) -> str:
    """An empty database of the other kind than the one that is backed up."""
    if engine.dialect.name == "postgresql":
        return f"sqlite:///{tmp_path / 'restored.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def used(service: JobService, submit: Callable[..., Job]) -> JobService:
    """A service with a bit of everything: jobs in several states, a retry before its original."""
    service.styles.register_gallery()
    service.set_webhook_secret("ada", new_secret())
    first, second = submit(), submit(seed=2, owner="ada", use_cache=False)
    with service.sessions.begin() as session:
        # Ids are random: either may come first in a backup.
        session.get_one(Job, first.id).retried_from = second.id
        session.get_one(Job, second.id).retried_from = first.id
        lifecycle.claim(session, "stylize", "worker", lease_seconds=60)
    return service


def everything(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    with engine.connect().execution_options(read_only=True) as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in Base.metadata.sorted_tables
        }


@pytest.mark.integration
def test_what_is_restored_is_what_was_there(
    used: JobService, engine: Engine, empty_url: str, tmp_path: Path, s3_storage: BlobStorage
) -> None:
    _, token = ApiKeyStore(used.sessions).create("ada", [Scope.READ], label="laptop")
    before = everything(engine)

    manifest, blobs = back_up(engine, used.storage, tmp_path / "backup")
    assert blobs.copied == len(before["blobs"]) > 16
    assert (blobs.existing, manifest["gone"]) == (0, [])
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700

    restore(tmp_path / "backup", empty_url, s3_storage)

    other = make_engine(empty_url)
    assert everything(other) == before
    assert verify(other, s3_storage) == []
    caller = ApiKeyStore(make_sessions(other)).authenticate(token)
    assert caller is not None
    assert caller.owner == "ada"
    dispose(other)


@pytest.mark.integration
def test_a_restored_service_goes_on(
    used: JobService,
    engine: Engine,
    empty_url: str,
    tmp_path: Path,
    settings: Settings,
    picture: Callable[..., bytes],
) -> None:
    from jobs.media.pictures import Upload

    back_up(engine, used.storage, tmp_path / "backup")
    storage = LocalStorage(tmp_path / "new")
    restore(tmp_path / "backup", empty_url, storage)

    other = make_engine(empty_url)
    service = JobService(settings, other, storage, Broker(make_celery("redis://127.0.0.1:1/0")))
    with service.sessions() as session:
        newest = session.scalar(select(func.max(JobEvent.seq)))
    upload = Upload(data=picture(8, 8, seed=9), field="content", name="content")
    job = submit_job(service, "stylize", {}, content=upload, style_id="woodcut")
    with service.sessions() as session:
        seq = session.scalar(select(func.min(JobEvent.seq)).where(JobEvent.job_id == job.id))
        assert seq > newest
    # What ran when the backup was made is taken back once its lease has run out.
    with service.sessions.begin() as session:
        session.execute(text("UPDATE jobs SET lease_expires_at = run_at WHERE status = 'running'"))
    assert len(maintenance_of(service).reap()) == 1
    dispose(other)


def test_again_into_the_same_folder_only_what_is_new_is_copied(
    used: JobService, engine: Engine, submit: Callable[..., Job], tmp_path: Path
) -> None:
    _, first = back_up(engine, used.storage, tmp_path / "backup")
    submit(seed=7)
    manifest, second = back_up(engine, used.storage, tmp_path / "backup")

    assert (second.copied, second.existing) == (1, first.copied)
    assert manifest["tables"]["jobs"] == 3
    assert [p.name for p in (tmp_path / "backup").glob("database-*")] == [manifest["database"]]


def test_a_blob_that_is_swept_meanwhile_is_noted(
    used: JobService, engine: Engine, tmp_path: Path
) -> None:
    class Swept(LocalStorage):
        """While the first blob is copied, all jobs are deleted and what they leave is swept."""

        def get(self, sha256: str) -> bytes:
            if not self.done:
                self.done = True
                with used.sessions.begin() as session:
                    session.execute(text("DELETE FROM jobs"))
                sweep(used.sessions, used.storage, orphan_seconds=-1)
            return super().get(sha256)

        done = False

    manifest, _ = back_up(engine, Swept(used.storage.folder), tmp_path / "backup")
    assert len(manifest["gone"]) == 3  # two photos and their style
    restore(tmp_path / "backup", f"sqlite:///{tmp_path / 'again.db'}", LocalStorage(tmp_path / "new"))


def test_a_lost_or_damaged_blob_is_an_error(used: JobService, engine: Engine, tmp_path: Path) -> None:
    path = sorted(used.storage.folder.glob("*/*"))[0]
    kept = path.read_bytes()
    path.write_bytes(kept + b"!")
    with pytest.raises(BackupError, match=f"Blob {path.name} is damaged"):
        back_up(engine, used.storage, tmp_path / "backup")
    path.unlink()
    with pytest.raises(BackupError, match="is missing in storage"):
        back_up(engine, used.storage, tmp_path / "backup")
    assert not (tmp_path / "backup" / "manifest.json").exists()


def test_a_damaged_backup_is_refused(used: JobService, engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    manifest, _ = back_up(engine, used.storage, folder)
    blob = sorted((folder / "blobs").glob("*/*"))[0]
    target = f"sqlite:///{tmp_path / 'again.db'}"

    def refused() -> str:
        with pytest.raises(BackupError) as caught:
            restore(folder, target, LocalStorage(tmp_path / "new"))
        return str(caught.value)

    data = blob.read_bytes()
    blob.write_bytes(data[:-1])
    assert refused() == f"Blob {blob.name} of the backup is damaged."
    blob.unlink()
    assert refused() == f"Blob {blob.name} is missing in the backup."
    blob.write_bytes(data)
    newer = {**manifest, "revision": "9999"}
    (folder / "manifest.json").write_text(json.dumps(newer))
    assert "a newer release" in refused()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with (folder / manifest["database"]).open("ab") as file:
        file.write(b"\0")
    assert "is damaged: its SHA-256 is another" in refused()
    (folder / "manifest.json").write_text("[]")
    assert refused() == f"{folder} is no backup."
    (folder / "manifest.json").unlink()
    assert "is no complete backup" in refused()


def cut(path: Path) -> None:
    """The second half is lost."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def lose_a_row(path: Path, table: str) -> None:
    """A row that others may refer to."""
    with gzip.open(path, "rt") as file:
        lines = file.readlines()
    at = next(n for n, line in enumerate(lines) if f'"table": "{table}"' in line)
    with gzip.open(path, "wt") as file:
        file.writelines(lines[: at + 1] + lines[at + 2 :])


def spoil_the_last_row(path: Path) -> None:
    """All tables before it are filled by then."""
    with gzip.open(path, "rt") as file:
        lines = file.readlines()
    at = max(n for n, line in enumerate(lines) if line.startswith("["))
    lines[at] = json.dumps(json.loads(lines[at])[:-1]) + "\n"
    with gzip.open(path, "wt") as file:
        file.writelines(lines)


@pytest.mark.parametrize(
    ("spoil", "untold", "said"),
    [
        (cut, "", "is damaged: it can't be read to its end."),
        (spoil_the_last_row, "", "is damaged: it can't be read to its end."),
        (lambda path: lose_a_row(path, "jobs"), "jobs", "is damaged: its rows don't fit together."),
        (lambda path: lose_a_row(path, "job_events"), "", "numbers of rows differ from its manifest."),
    ],
    ids=["cut", "half a row", "no job", "no event"],
)
def test_what_fails_in_the_middle_leaves_nothing_and_can_be_done_again(
    used: JobService,
    engine: Engine,
    empty_url: str,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    untold: str,
    said: str,
) -> None:
    before = everything(engine)
    folder, storage = tmp_path / "backup", LocalStorage(tmp_path / "new")
    manifest, _ = back_up(engine, used.storage, folder)
    rows = folder / manifest["database"]
    whole = rows.read_bytes()
    spoil(rows)
    # As if it had been written so: the digest does not tell.
    counts = {name: n - (name == untold) for name, n in manifest["tables"].items()}
    told = {**manifest, "tables": counts, "database_sha256": sha256_of_file(rows)}
    (folder / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(BackupError, match=said):
        restore(folder, empty_url, storage)
    other = make_engine(empty_url)
    assert inspect(other).get_table_names() == []

    rows.write_bytes(whole)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    restore(folder, empty_url, storage)

    assert everything(other) == before
    assert verify(other, storage) == []
    dispose(other)


def test_a_store_that_fails_in_the_middle(
    used: JobService, engine: Engine, empty_url: str, tmp_path: Path
) -> None:
    class Full(LocalStorage):
        """Takes ten files."""

        taken = 0

        def put(self, data: bytes) -> str:
            if self.taken == 10:
                raise StorageError("The file store failed: No space left on device.")
            self.taken += 1
            return super().put(data)

    back_up(engine, used.storage, tmp_path / "backup")
    with pytest.raises(StorageError, match="No space left"):
        restore(tmp_path / "backup", empty_url, Full(tmp_path / "new"))
    other = make_engine(empty_url)
    assert inspect(other).get_table_names() == []
    assert len(list((tmp_path / "new").glob("*/*"))) == 10

    restore(tmp_path / "backup", empty_url, LocalStorage(tmp_path / "new"))

    assert everything(other) == everything(engine)
    assert verify(other, LocalStorage(tmp_path / "new")) == []
    dispose(other)


def test_a_backup_of_an_older_schema_is_restored_and_upgraded(
    tmp_path: Path, database_url: str
) -> None:
    """One as the release of revision 0002 would have made it."""
    old = f"sqlite:///{tmp_path / 'old.db'}"
    command.upgrade(alembic_config(old), "0002")
    folder = tmp_path / "backup"
    (folder / "blobs").mkdir(parents=True)
    name = LocalStorage(folder / "blobs").put(b"pixels")
    stamp = "2026-01-01T00:00:00+00:00"
    rows = {
        "owners": {"name": "ann", "last_claimed_at": None},
        "blobs": {"sha256": name, "size": 6, "media_type": "image/png", "created_at": stamp},
    }
    with gzip.open(folder / "database-1.jsonl.gz", "wt") as file:
        for table, row in rows.items():
            kinds = dict(header(Base.metadata.tables[table])["columns"])
            head = {"table": table, "columns": [[n, kinds[n]] for n in row], "key": [], "own": []}
            file.write(f"{json.dumps(head)}\n{json.dumps(list(row.values()))}\n")
    manifest = {
        "format": "atelier-backup/1",
        "revision": "0002",
        "database": "database-1.jsonl.gz",
        "database_sha256": sha256_of_file(folder / "database-1.jsonl.gz"),
        "tables": {"owners": 1, "blobs": 1},
        "gone": [],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))

    restore(folder, database_url, LocalStorage(tmp_path / "new"))

    engine = make_engine(database_url)
    found = everything(engine)
    assert [row[0] for row in found["owners"]] == ["ann"]
    assert found["blobs"][0][0] == name
    dispose(engine)


def test_the_commands(
    used: JobService,
    settings: Settings,
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = engine.url.render_as_string(hide_password=False)
    here = {
        "DATABASE_URL": url,
        "STORAGE_URL": used.storage.folder.as_uri(),
        "ATELIER_HOME": str(tmp_path),
    }
    there = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'there.db'}",
        "STORAGE_URL": (tmp_path / "there").as_uri(),
        "ATELIER_HOME": str(tmp_path),
    }
    folder = str(tmp_path / "backup")
    run = CliRunner()

    made = run.invoke(backup_command, [folder, "--json"], env=here)
    assert json.loads(made.stdout)["blobs_copied"] > 16
    again = run.invoke(backup_command, [folder], env=here)
    assert "0 files copied" in again.stdout
    back = run.invoke(restore_command, [folder], env=there)
    assert back.exit_code == 0, back.output
    assert "each of which was read back" in back.stdout
    twice = run.invoke(restore_command, [folder], env=there)
    assert (twice.exit_code, twice.stderr) == (
        1,
        "Error: The database already has tables; restore needs an empty one.\n",
    )
    nothing = run.invoke(
        backup_command, [folder], env={**there, "DATABASE_URL": f"sqlite:///{tmp_path / 'none.db'}"}
    )
    assert nothing.stderr == "Error: There is nothing to back up: the database has no tables.\n"
