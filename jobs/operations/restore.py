"""Puts a backup (`jobs.operations.backup`) into an empty database and a store.

Blobs first, so that no row ever names bytes that are not there. The rows go into the schema that they
were written from, which is brought to the newest afterwards: old backups stay usable. All that happens
to the database is one transaction.
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

    All or nothing: what fails leaves the database empty, and restoring again is all that is to be done.
    Files that had arrived stay in the store, where they are found again. Raises `BackupError` for a
    damaged backup, for one of a newer release, and for a database that has tables already;
    `StorageError` when the store can't be reached.
    """
    manifest = read_manifest(folder)
    if not is_known(manifest["revision"]):
        raise BackupError(
            f"This backup is of schema {manifest['revision']}, which a newer release made."
        )
    path = folder / manifest["database"]
    engine = make_engine(database_url)
    try:
        if inspect(engine).get_table_names():
            raise BackupError("The database already has tables; restore takes an empty one.")
        with _damage(path.name):
            names = [name for name in _blob_names(path) if name not in manifest["gone"]]
        _put_blobs(LocalStorage(folder / BLOBS), storage, names)
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                allow_rebuilds(connection)
            with connection.begin(), _damage(path.name):
                upgrade_within(connection, manifest["revision"])
                if _put_rows(connection, path) != manifest["tables"]:
                    raise BackupError("The backup has other numbers of rows than it says.")
                upgrade_within(connection)
    finally:
        engine.dispose()
    return manifest


@contextmanager
def _damage(name: str) -> Iterator[None]:
    """What reading rows, or what rows that don't fit together, may raise, told to people."""
    try:
        yield
    except (EOFError, OSError, zlib.error, ValueError, LookupError, TypeError) as error:
        raise BackupError(f"{name} is damaged: it can't be read to its end.") from error
    except (IntegrityError, DataError, ProgrammingError, BrokenReferencesError) as error:
        raise BackupError(f"{name} is damaged: its rows don't fit together.") from error


def verify(engine: Engine, storage: BlobStorage) -> list[str]:
    """Read every blob that the database names; returns those that are not there or not themselves."""
    with engine.connect().execution_options(read_only=True) as connection:
        names = connection.execute(select(Blob.sha256)).scalars().all()
    return [name for name in names if not _is_itself(storage, name)]


def _tables(path: Path) -> Iterator[tuple[dict[str, Any], Iterator[list[Any]]]]:
    """Each table's header, and its rows, which have to be read before the next table is."""
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


def _put_blobs(source: LocalStorage, target: BlobStorage, names: list[str]) -> None:
    target.check()
    for name in names:
        try:
            data = source.get(name)
        except NotFoundError:
            raise BackupError(f"The backup has lost blob {name}.") from None
        if sha256_of(data) != name:
            raise BackupError(f"Blob {name} of the backup is damaged.")
        target.put(data)
    lost = [name for name in names if not _is_itself(target, name)]
    if lost:
        raise BackupError(f"{len(lost)} blobs did not arrive, {lost[0]} for one.")


def _is_itself(storage: BlobStorage, name: str) -> bool:
    try:
        return sha256_of(storage.get(name)) == name
    except NotFoundError:
        return False


def _put_rows(connection: Connection, path: Path) -> dict[str, int]:
    counts = {}
    for header, rows in _tables(path):
        table = Table(
            header["table"],
            MetaData(),
            *(Column(name, _TYPES[kind]()) for name, kind in header["columns"]),
        )
        counts[table.name] = _put_table(connection, table, header, rows)
        if connection.dialect.name == "postgresql" and len(header["key"]) == 1:
            _set_sequence(connection, table, header["key"][0])
    return counts


def _put_table(
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
    """Make PostgreSQL count on from the highest number, where it numbers the rows itself."""
    named = connection.execute(
        text("SELECT pg_get_serial_sequence(:table, :key)"), {"table": table.name, "key": key}
    ).scalar()
    highest = connection.execute(select(func.max(table.c[key]))).scalar() if named else None
    if highest is not None:
        connection.execute(text("SELECT setval(:name, :to)"), {"name": named, "to": highest})
