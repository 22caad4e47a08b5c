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


def _key_store() -> ApiKeyStore:
    from jobs.accounts.api_keys import ApiKeyStore
    from jobs.db.engine import make_engine, make_sessions
    from jobs.db.schema import upgrade
    from jobs.settings import load_settings

    database = load_settings().database
    upgrade(database)
    return ApiKeyStore(make_sessions(make_engine(database)))


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
def create(owner: str, label: str, scopes: tuple[str, ...], days: float | None) -> None:
    """Create a key. It is printed only once; the database stores only its hash."""
    from jobs.accounts.api_keys import Scope
    from jobs.errors import InvalidParamsError

    try:
        key, token = _key_store().create(owner, [Scope(s) for s in scopes], label=label, days=days)
    except InvalidParamsError as error:
        raise click.ClickException(error.detail) from error
    click.echo(token)
    click.echo(f"key {key.id} for {key.owner} ({key.scopes}); it is not shown again", err=True)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_keys(as_json: bool) -> None:
    """List the keys, without their secrets."""
    rows = [_row(key) for key in _key_store().list()]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        state = "revoked" if row["revoked_at"] else f"last used {row['last_used_at'] or 'never'}"
        click.echo(f"{row['id']}  {row['owner']}  {row['scopes']}  {state}  {row['label']}".rstrip())


@keys.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """End a key and the browser sessions that were opened with it."""
    from jobs.errors import NotFoundError

    try:
        key = _key_store().revoke(key_id)
    except NotFoundError as error:
        raise click.ClickException(error.detail) from error
    click.echo(f"key {key.id} of {key.owner} is revoked", err=True)


def _row(key: ApiKey) -> dict[str, str | None]:
    times = {
        name: None if (at := getattr(key, name)) is None else at.isoformat(timespec="seconds")
        for name in ("created_at", "expires_at", "last_used_at", "revoked_at")
    }
    return {"id": key.id, "owner": key.owner, "label": key.label, "scopes": key.scopes, **times}
