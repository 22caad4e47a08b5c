"""A backup: every row of the database at one moment, and the blobs that it names, in a folder.

The database first, then the blobs: a blob never changes, and its bytes are written before any row
that refers to it, so whatever is referred to at that moment is there afterwards. Rows are written as
JSON and not as a database's own dump, so that a backup of SQLite can be restored into PostgreSQL, and
without programs of a matching version. A second backup into the same folder copies the new blobs alone.
It holds what the service holds, hashes of keys and secrets of webhooks too: the folder is its owner's
alone.
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
from jobs.operations.retention import referred

FORMAT = "atelier-backup/1"
MANIFEST = "manifest.json"
BLOBS = "blobs"


class BackupError(Exception):
    """A backup that can't be made or restored; the text is for people."""


class Manifest(TypedDict):
    """What a backup says of itself. It is written last: a folder without it is no backup."""

    format: str
    created_at: str
    #: The schema that the rows are of.
    revision: str
    database: str
    database_sha256: str
    #: Table → rows.
    tables: dict[str, int]
    #: Blobs whose bytes nothing referred to when they were to be copied, and which were not there.
    gone: list[str]


@dataclass
class BlobCount:
    """How the copying of blobs went."""

    copied: int = 0
    kept: int = 0
    gone: list[str] = field(default_factory=list)


def back_up(engine: Engine, storage: BlobStorage, folder: Path) -> tuple[Manifest, BlobCount]:
    """Write a backup into `folder`, a new one or that of an earlier backup.

    Raises `BackupError` for a database of another schema and for blobs that are damaged or lost, and
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
    """A connection whose transaction sees one moment, and keeps nobody from writing."""
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
            f"The database's schema is {found}, this release's {newest}: run atelier migrate."
        )
    return newest


def _write_rows(connection: Connection, path: Path) -> tuple[dict[str, int], list[str]]:
    """Write every table; returns the rows of each, and the SHA-256 of the blobs."""
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
                file.write(json.dumps([_plain(value) for value in row]) + "\n")
    return tables, blobs


def _rows(connection: Connection, table: Table) -> Iterator[Row[Any]]:
    ordered = select(table).order_by(*table.primary_key.columns)
    yield from connection.execution_options(yield_per=500).execute(ordered)


def header(table: Table) -> dict[str, Any]:
    """What restoring needs to know of a table: its columns and what kind each is."""
    return {
        "table": table.name,
        "columns": [[column.name, _kind(column.type)] for column in table.columns],
        "key": [column.name for column in table.primary_key.columns],
        # Rows may name others of their own table, before or after them.
        "own": [key.parent.name for key in table.foreign_keys if key.column.table is table],
    }


def _kind(type_: Any) -> str:
    if isinstance(type_, UtcDateTime):
        return "time"
    if isinstance(type_, LargeBinary):
        return "bytes"
    return "json" if isinstance(type_, JSON) else "plain"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _copy_blobs(
    engine: Engine, source: BlobStorage, target: LocalStorage, names: list[str]
) -> BlobCount:
    counted = BlobCount()
    for name in names:
        if target.exists(name):
            counted.kept += 1
            continue
        data = _bytes_of(engine, source, name)
        if data is None:
            counted.gone.append(name)
            continue
        if hashlib.sha256(data).hexdigest() != name:
            raise BackupError(f"Blob {name} is damaged in storage: its bytes have another digest.")
        target.put(data)
        counted.copied += 1
    return counted


def _bytes_of(engine: Engine, source: BlobStorage, name: str) -> bytes | None:
    """The bytes; None if nothing refers to them any more, or not yet. Raises `BackupError`."""
    try:
        return source.get(name)
    except NotFoundError:
        with _snapshot(engine) as connection:
            wanted = select(Blob.sha256).where(Blob.sha256 == name, referred())
            if connection.execute(wanted).first() is None:
                return None
    try:
        return source.get(name)  # it came to be wanted just now, or it is lost
    except NotFoundError:
        raise BackupError(f"The database refers to blob {name}, and storage has lost it.") from None


def sha256_of_file(path: Path) -> str:
    """The digest of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """What a backup says of itself. Raises `BackupError` unless it is whole."""
    try:
        manifest: Manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["format"] != FORMAT:
            raise BackupError(f"{folder} is a backup of another format: {manifest['format']}.")
        digest = sha256_of_file(folder / manifest["database"])
    except FileNotFoundError as error:
        raise BackupError(f"{folder} is no whole backup: {error.filename} is missing.") from None
    except (ValueError, KeyError, TypeError, NotADirectoryError):
        raise BackupError(f"{folder} is no backup.") from None
    if digest != manifest["database_sha256"]:
        raise BackupError(f"{manifest['database']} is damaged: its digest is another.")
    return manifest
