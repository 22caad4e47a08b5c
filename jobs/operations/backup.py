"""Online backup of the database (one snapshot of every row) and of its blobs, into a folder.

The database comes first, then the blobs: a blob never changes, and its bytes are written before any row
refers to it, so every blob of the snapshot exists afterwards. Rows are written as JSON and not as a
dump of the database, so that a backup of SQLite can be restored into PostgreSQL, and no client programs
of a matching version are needed. A second backup into the same folder copies only new blobs. A backup
holds hashes of API keys and secrets of webhooks: only its owner can read the folder.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

from sqlalchemy import JSON, Connection, Engine, LargeBinary, Table, select, text
from sqlalchemy.engine import Row

from jobs.blobs.local import LocalStorage
from jobs.blobs.storage import BlobStorage
from jobs.db.engine import Base, UtcDateTime
from jobs.db.models.blobs import Blob
from jobs.db.schema import newest_revision
from jobs.errors import NotFoundError
from jobs.operations.retention import is_referred

FORMAT = "atelier-backup/1"
MANIFEST = "manifest.json"
BLOBS = "blobs"


class BackupError(Exception):
    """A backup that can't be made or restored. The text is for people."""


class Manifest(TypedDict):
    """Manifest of a backup. It is written last: a folder without a manifest is no backup."""

    format: str
    created_at: str
    #: Revision of the schema of the rows.
    revision: str
    database: str
    database_sha256: str
    #: Table → number of rows.
    tables: dict[str, int]
    #: Unreferenced blobs that were deleted before they were copied.
    gone: list[str]


@dataclass
class BlobCount:
    """Numbers of blobs that were copied and that were in the backup already; names of deleted ones."""

    copied: int = 0
    existing: int = 0
    gone: list[str] = field(default_factory=list)


def back_up(engine: Engine, storage: BlobStorage, folder: Path) -> tuple[Manifest, BlobCount]:
    """Write a backup into `folder`, which is new or has an earlier backup.

    Raises `BackupError` for a database of another schema and for damaged or missing blobs, and
    `StorageError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    at = datetime.now().astimezone()
    database = folder / f"database-{at:%Y%m%d-%H%M%S-%f}.jsonl.gz"
    with _snapshot(engine) as connection:
        revision = _revision(connection)
        tables, blobs = _write_rows(connection, database)
    counted = _copy_blobs(engine, storage, LocalStorage(folder / BLOBS), blobs)
    manifest = Manifest(
        format=FORMAT,
        created_at=at.isoformat(),
        revision=revision,
        database=database.name,
        database_sha256=sha256_of_file(database),
        tables=tables,
        gone=counted.gone,
    )
    new = folder / f"{MANIFEST}.new"
    new.write_text(json.dumps(manifest, indent=1) + "\n")
    new.replace(folder / MANIFEST)
    for old in folder.glob("database-*.jsonl.gz"):
        if old != database:
            old.unlink()
    return manifest, counted


def _snapshot(engine: Engine) -> Connection:
    """A connection with a read-only snapshot transaction, which blocks no writer."""
    if engine.dialect.name == "postgresql":
        options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    else:
        options = {"read_only": True}
    return engine.connect().execution_options(**options)


def _revision(connection: Connection) -> str:
    newest = newest_revision()
    if not connection.dialect.has_table(connection, "alembic_version"):
        raise BackupError("There is nothing to back up: the database has no tables.")
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found != newest:
        raise BackupError(
            f"The database has schema {found}, and this release {newest}: run atelier migrate."
        )
    return newest


def _write_rows(connection: Connection, path: Path) -> tuple[dict[str, int], list[str]]:
    """Write every table; returns the number of rows of each, and the SHA-256 of all blobs."""
    tables, blobs = dict[str, int](), list[str]()
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=5) as file:
        for table in Base.metadata.sorted_tables:
            file.write(json.dumps(header(table)) + "\n")
            tables[table.name] = 0
            position = list(table.columns).index(table.c.sha256) if table.name == "blobs" else None
            for row in _rows(connection, table):
                tables[table.name] += 1
                if position is not None:
                    blobs.append(row[position])
                file.write(json.dumps([_to_json(value) for value in row]) + "\n")
    return tables, blobs


def _rows(connection: Connection, table: Table) -> Iterator[Row[Any]]:
    ordered = select(table).order_by(*table.primary_key.columns)
    yield from connection.execution_options(yield_per=500).execute(ordered)


def header(table: Table) -> dict[str, Any]:
    """The header of a table in a backup: its columns with their types, and its keys."""
    return {
        "table": table.name,
        "columns": [[column.name, _kind(column.type)] for column in table.columns],
        "key": [column.name for column in table.primary_key.columns],
        # Columns that refer to rows of the same table, earlier or later ones.
        "own": [key.parent.name for key in table.foreign_keys if key.column.table is table],
    }


def _kind(type_: Any) -> str:
    if isinstance(type_, UtcDateTime):
        return "time"
    if isinstance(type_, LargeBinary):
        return "bytes"
    return "json" if isinstance(type_, JSON) else "plain"


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _copy_blobs(
    engine: Engine, source: BlobStorage, target: LocalStorage, names: list[str]
) -> BlobCount:
    counted = BlobCount()
    for name in names:
        if target.exists(name):
            counted.existing += 1
            continue
        data = _bytes_of(engine, source, name)
        if data is None:
            counted.gone.append(name)
            continue
        if hashlib.sha256(data).hexdigest() != name:
            raise BackupError(f"Blob {name} is damaged in storage: its SHA-256 is another.")
        target.put(data)
        counted.copied += 1
    return counted


def _bytes_of(engine: Engine, source: BlobStorage, name: str) -> bytes | None:
    """Read a blob; None if it was deleted and no row refers to it. Raises `BackupError`."""
    try:
        return source.get(name)
    except NotFoundError:
        with _snapshot(engine) as connection:
            still_referred = select(Blob.sha256).where(Blob.sha256 == name, is_referred())
            if connection.execute(still_referred).first() is None:
                return None
    try:
        return source.get(name)  # stored again just now, or lost
    except NotFoundError:
        raise BackupError(
            f"Blob {name} is missing in storage, though the database refers to it."
        ) from None


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup. Raises `BackupError` unless the backup is complete."""
    try:
        manifest: Manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["format"] != FORMAT:
            raise BackupError(f"{folder} is a backup of another format: {manifest['format']}.")
        digest = sha256_of_file(folder / manifest["database"])
    except FileNotFoundError as error:
        raise BackupError(f"{folder} is no complete backup: {error.filename} is missing.") from None
    except (ValueError, KeyError, TypeError, NotADirectoryError):
        raise BackupError(f"{folder} is no backup.") from None
    if digest != manifest["database_sha256"]:
        raise BackupError(f"{manifest['database']} is damaged: its SHA-256 is another.")
    return manifest
