"""`atelier keys`: create, list and revoke API keys in the service's database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from jobs.accounts.api_keys import ApiKeyStore
    from jobs.db.models.owners import ApiKey

SCOPES = ("read", "submit", "admin")


@click.group()
def keys() -> None:
    """Create, list and revoke API keys."""


def _open_keys(*, may_create: bool = False) -> tuple[ApiKeyStore, str]:
    """The keys of the configured database, and the address of that database for people.

    Raises `click.ClickException` for an SQLite file that does not exist, unless `may_create`: a command
    that is run in another folder would make a database that no service reads.
    """
    from jobs.accounts.api_keys import ApiKeyStore
    from jobs.db.engine import make_engine, make_sessions, sqlite_file, without_password
    from jobs.db.schema import upgrade
    from jobs.settings import load_settings

    database = load_settings().database
    file = sqlite_file(database)
    if file is not None and not file.exists() and not may_create:
        raise click.ClickException(
            f"There is no database at {file}. Run this in the folder of the service, or set "
            "ATELIER_HOME or DATABASE_URL. `atelier keys create --new-database` makes one."
        )
    upgrade(database)
    return ApiKeyStore(make_sessions(make_engine(database))), without_password(database)


@keys.command()
@click.option("--owner", required=True, help="Whose jobs, uploads and styles the key sees.")
@click.option("--label", default="", help="What the key is for.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=("read", "submit"),
    show_default=True,
    help="What it may do; more than once for more.",
)
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Days until the key expires.")
@click.option("--new-database", is_flag=True, help="Make the SQLite database if there is none.")
def create(
    owner: str, label: str, scopes: tuple[str, ...], days: float | None, new_database: bool
) -> None:
    """Create a key and print it, only this time.

    The database stores only its hash.
    """
    from jobs.accounts.api_keys import Scope
    from jobs.errors import InvalidParamsError

    store, database = _open_keys(may_create=new_database)
    try:
        key, token = store.create(owner, [Scope(s) for s in scopes], label=label, days=days)
    except InvalidParamsError as error:
        raise click.ClickException(error.detail) from error
    click.echo(token)
    click.echo(f"database {database}", err=True)
    click.echo(f"key {key.id} for {key.owner} ({key.scopes}); it is not shown again", err=True)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_keys(as_json: bool) -> None:
    """List the keys, without their secrets."""
    store, database = _open_keys()
    rows = [_row(key) for key in store.list()]
    if as_json:
        click.echo(json.dumps(rows))
        return
    click.echo(f"database {database}: {len(rows) or 'no'} keys", err=True)
    for row in rows:
        state = "revoked" if row["revoked_at"] else f"last used {row['last_used_at'] or 'never'}"
        click.echo(f"{row['id']}  {row['owner']}  {row['scopes']}  {state}  {row['label']}".rstrip())


@keys.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """End a key and the browser sessions that were opened with it."""
    from jobs.errors import NotFoundError

    store, database = _open_keys()
    try:
        key = store.revoke(key_id)
    except NotFoundError as error:
        raise click.ClickException(error.detail) from error
    click.echo(f"key {key.id} of {key.owner} is revoked in {database}", err=True)


def _row(key: ApiKey) -> dict[str, str | None]:
    times = {
        name: None if (at := getattr(key, name)) is None else at.isoformat(timespec="seconds")
        for name in ("created_at", "expires_at", "last_used_at", "revoked_at")
    }
    return {"id": key.id, "owner": key.owner, "label": key.label, "scopes": key.scopes, **times}
