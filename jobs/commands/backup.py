"""`atelier backup` and `atelier restore`."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def backup(folder: Path, as_json: bool) -> None:
    """Back up the database and the files of a running service.

    FOLDER gets both. A second backup into the same FOLDER copies only new files. The secret key and the
    folder of datasets (SECRET_KEY, DATASET_ROOT) are not part of it.
    """
    from jobs.blobs.stores import make_storage
    from jobs.db.engine import make_engine
    from jobs.errors import JobsError
    from jobs.operations.backup import BackupError, back_up
    from jobs.settings import load_settings

    settings = load_settings()
    engine = make_engine(settings.database)
    storage = make_storage(settings.storage, endpoint_url=settings.s3_endpoint_url)
    try:
        manifest, blobs = back_up(engine, storage, folder)
    except (BackupError, JobsError) as error:
        raise click.ClickException(_with_cause(error)) from error
    except OSError as error:
        raise click.ClickException(f"{folder} can't be written: {error.strerror}.") from error
    finally:
        engine.dispose()
    rows = sum(manifest["tables"].values())
    if as_json:
        click.echo(json.dumps({**manifest, "blobs_copied": blobs.copied, "blobs_kept": blobs.existing}))
        return
    click.echo(f"{rows} rows, {blobs.copied} files copied, {blobs.existing} there already: {folder}")
    if blobs.gone:
        click.echo(f"{len(blobs.gone)} files were deleted while the backup was made", err=True)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def restore(folder: Path) -> None:
    """Restore a backup into an empty database and a store.

    Every file of FOLDER is read back and checked. DATABASE_URL and STORAGE_URL say where; they need not
    be of the kind that the backup was made of. Jobs that ran then are taken up again once their leases
    have run out.
    """
    from sqlalchemy.exc import DBAPIError

    from jobs.blobs.stores import make_storage
    from jobs.errors import JobsError
    from jobs.operations.backup import BackupError
    from jobs.operations.restore import restore as put_back
    from jobs.settings import load_settings

    settings = load_settings()
    storage = make_storage(settings.storage, endpoint_url=settings.s3_endpoint_url)
    try:
        manifest = put_back(folder, settings.database, storage)
    except (BackupError, JobsError) as error:
        raise click.ClickException(_with_cause(error)) from error
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise click.ClickException(f"The database failed, and has nothing of it: {reason}") from error
    rows, blobs = sum(manifest["tables"].values()), manifest["tables"]["blobs"]
    click.echo(
        f"restored {rows} rows and {blobs - len(manifest['gone'])} files, each of which was read back"
    )


def _with_cause(error: Exception) -> str:
    """An error's text with its cause, which names folders: hidden from clients, shown to operators."""
    from jobs.errors import StorageError

    where = error.__cause__ if isinstance(error, StorageError) else None
    return f"{error} {where}" if where else str(error)
