"""Restores a backup (`jobs.operations.backup`) into an empty database and a blob storage.

Blobs come first, so that no row names bytes that are not in storage. Rows are inserted into the schema
of the backup, which is migrated to the newest afterwards, so that old backups stay usable. The database
is written in one transaction.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    Table,
    bindparam,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError
from sqlalchemy.types import NullType

from jobs.blobs.local import LocalStorage
from jobs.blobs.storage import BlobStorage, sha256_of
from jobs.db.engine import UtcDateTime, allow_rebuilds, make_engine
from jobs.db.models.blobs import Blob
from jobs.db.schema import BrokenReferencesError, is_known, upgrade_within
from jobs.errors import NotFoundError
from jobs.operations.backup import BLOBS, BackupError, Manifest, read_manifest

_TYPES: dict[str, Any] = {
    "time": UtcDateTime,
    "bytes": LargeBinary,
    "json": lambda: JSON(none_as_null=True),
    "plain": NullType,
}


def restore(folder: Path, database_url: str, storage: BlobStorage) -> Manifest:
    """Restore the backup in `folder` into an empty database and into `storage`, and verify it.

    After an error the database is empty again, and the restore can be repeated; blobs that were copied
    stay in storage and are not copied again. Raises `BackupError` for a damaged backup, a backup of a
    newer release, and a database with tables; `StorageError` if the storage can't be reached.
    """
    manifest = read_manifest(folder)
    if not is_known(manifest["revision"]):
        raise BackupError(
            f"This backup has schema {manifest['revision']} of a newer release; use that release."
        )
    path = folder / manifest["database"]
    engine = make_engine(database_url)
    try:
        if inspect(engine).get_table_names():
            raise BackupError("The database already has tables; restore needs an empty one.")
        with _backup_errors(path.name):
            names = [name for name in _blob_names(path) if name not in manifest["gone"]]
        _copy_blobs(LocalStorage(folder / BLOBS), storage, names)
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                allow_rebuilds(connection)
            with connection.begin(), _backup_errors(path.name):
                upgrade_within(connection, manifest["revision"])
                if _insert_rows(connection, path) != manifest["tables"]:
                    raise BackupError(
                        "The backup is damaged: numbers of rows differ from its manifest."
                    )
                upgrade_within(connection)
    finally:
        engine.dispose()
    return manifest


@contextmanager
def _backup_errors(name: str) -> Iterator[None]:
    """Turn errors of unreadable or inconsistent rows into a `BackupError`."""
    try:
        yield
    except (EOFError, OSError, zlib.error, ValueError, LookupError, TypeError) as error:
        raise BackupError(f"{name} is damaged: it can't be read to its end.") from error
    except (IntegrityError, DataError, ProgrammingError, BrokenReferencesError) as error:
        raise BackupError(f"{name} is damaged: its rows don't fit together.") from error


def verify(engine: Engine, storage: BlobStorage) -> list[str]:
    """Read every blob of the database; returns the SHA-256 of missing and damaged blobs."""
    with engine.connect().execution_options(read_only=True) as connection:
        names = connection.execute(select(Blob.sha256)).scalars().all()
    return [name for name in names if not _is_intact(storage, name)]


def _tables(path: Path) -> Iterator[tuple[dict[str, Any], Iterator[list[Any]]]]:
    """The header and rows of each table; rows must be read before the next table."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = (json.loads(line) for line in file)
        is_header = lambda line: isinstance(line, dict)  # noqa: E731
        groups = itertools.groupby(lines, is_header)
        for headers, group in groups:
            found = list(group) if headers else []
            for empty in found[:-1]:
                yield empty, iter(())
            if not found:
                continue
            following = next(groups, None)
            yield found[-1], following[1] if following else iter(())


def _blob_names(path: Path) -> Iterator[str]:
    for header, rows in _tables(path):
        if header["table"] == "blobs":
            position = [name for name, _ in header["columns"]].index("sha256")
            yield from (row[position] for row in rows)
        else:
            for _ in rows:
                pass


def _copy_blobs(source: LocalStorage, target: BlobStorage, names: list[str]) -> None:
    target.check()
    for name in names:
        try:
            data = source.get(name)
        except NotFoundError:
            raise BackupError(f"Blob {name} is missing in the backup.") from None
        if sha256_of(data) != name:
            raise BackupError(f"Blob {name} of the backup is damaged.")
        target.put(data)
    lost = [name for name in names if not _is_intact(target, name)]
    if lost:
        raise BackupError(
            f"{len(lost)} blobs are missing in storage after the copy, for example {lost[0]}."
        )


def _is_intact(storage: BlobStorage, name: str) -> bool:
    try:
        return sha256_of(storage.get(name)) == name
    except NotFoundError:
        return False


def _insert_rows(connection: Connection, path: Path) -> dict[str, int]:
    counts = {}
    for header, rows in _tables(path):
        table = Table(
            header["table"],
            MetaData(),
            *(Column(name, _TYPES[kind]()) for name, kind in header["columns"]),
        )
        counts[table.name] = _insert_table(connection, table, header, rows)
        if connection.dialect.name == "postgresql" and len(header["key"]) == 1:
            _set_sequence(connection, table, header["key"][0])
    return counts


def _insert_table(
    connection: Connection, table: Table, header: dict[str, Any], rows: Iterator[list[Any]]
) -> int:
    count, later = 0, list[dict[str, Any]]()
    while batch := [_values(header, row) for row in itertools.islice(rows, 500)]:
        count += len(batch)
        for own in header["own"]:
            for values in batch:
                if values[own] is not None:
                    later.append({"_key": values[header["key"][0]], "_own": own, "_to": values[own]})
                    values[own] = None
        connection.execute(insert(table), batch)
    for own in header["own"]:
        key = table.c[header["key"][0]]
        named = [row for row in later if row["_own"] == own]
        if named:
            change = update(table).where(key == bindparam("_key")).values({own: bindparam("_to")})
            connection.execute(change, named)
    return count


def _values(header: dict[str, Any], row: list[Any]) -> dict[str, Any]:
    return {
        name: _value(kind, value) for (name, kind), value in zip(header["columns"], row, strict=True)
    }


def _value(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "time":
        return datetime.fromisoformat(value)
    return base64.b64decode(value) if kind == "bytes" else value


def _set_sequence(connection: Connection, table: Table, key: str) -> None:
    """Set PostgreSQL's sequence of a table to its highest number, if the column has one."""
    sequence = connection.execute(
        text("SELECT pg_get_serial_sequence(:table, :key)"), {"table": table.name, "key": key}
    ).scalar()
    highest = connection.execute(select(func.max(table.c[key]))).scalar() if sequence else None
    if highest is not None:
        connection.execute(text("SELECT setval(:name, :to)"), {"name": sequence, "to": highest})
