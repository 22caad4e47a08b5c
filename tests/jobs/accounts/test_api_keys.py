from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import inspect, text, update
from support.databases import dispose
from support.patience import PATIENCE

from atelier.cli import main
from jobs.accounts.api_keys import ApiKeyStore, Caller, Scope
from jobs.db.engine import SessionFactory, make_engine, make_sessions
from jobs.db.models.owners import ApiKey
from jobs.db.schema import upgrade
from jobs.errors import InvalidParamsError, NotFoundError

PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def ring(sessions: SessionFactory) -> ApiKeyStore:
    return ApiKeyStore(sessions)


def test_a_key_opens_for_its_owner(ring: ApiKeyStore) -> None:
    key, token = ring.create("ada", [Scope.READ, Scope.SUBMIT], label="laptop")

    assert ring.authenticate(token) == Caller(
        owner="ada", scopes=frozenset({Scope.READ, Scope.SUBMIT}), key_id=key.id
    )
    assert ring.has_active_keys()


def test_no_column_holds_the_secret(ring: ApiKeyStore, sessions: SessionFactory) -> None:
    _, token = ring.create("ada", [Scope.READ])
    secret = token.rsplit("_", 1)[1]

    with sessions() as session:
        for table in inspect(session.connection()).get_table_names():
            for row in session.execute(text(f"SELECT * FROM {table}")):
                assert secret not in str(tuple(row)), table
    assert len(bytes.fromhex(secret)) == 32


def test_what_opens_nothing(ring: ApiKeyStore) -> None:
    key, token = ring.create("ada", [Scope.READ])
    _, other = ring.create("ada", [Scope.READ])
    start, _, secret = token.rpartition("_")

    wrong = [
        "",
        "atl_",
        token[:-1],
        token + "0",
        f"{start}_{'0' * 64}",
        f"{start}_{other.rsplit('_', 1)[1]}",
        f"atl_{'0' * 12}_{secret}",
        key.secret_hash,
        f"{start}_{key.secret_hash}",
        token.upper(),
    ]

    assert [ring.authenticate(each) for each in wrong] == [None] * len(wrong)


def test_a_revoked_key_opens_no_more(ring: ApiKeyStore) -> None:
    key, token = ring.create("ada", [Scope.READ])
    first = ring.revoke(key.id).revoked_at

    assert ring.authenticate(token) is None
    assert ring.authenticate_by_id(key.id) is None
    assert not ring.has_active_keys()
    assert ring.revoke(key.id).revoked_at == first
    with pytest.raises(NotFoundError):
        ring.revoke("none")


def test_an_expired_key_opens_no_more(ring: ApiKeyStore, sessions: SessionFactory) -> None:
    key, token = ring.create("ada", [Scope.READ], days=1)
    assert ring.authenticate(token) is not None

    with sessions.begin() as session:
        session.execute(update(ApiKey).where(ApiKey.id == key.id).values(expires_at=PAST))

    assert ring.authenticate(token) is None
    assert not ring.has_active_keys()


def test_its_last_use_is_noted_now_and_then(ring: ApiKeyStore, sessions: SessionFactory) -> None:
    key, token = ring.create("ada", [Scope.READ])
    assert ring.list()[0].last_used_at is None

    ring.authenticate(token)
    ring._uses.wait(PATIENCE)
    first = ring.list()[0].last_used_at
    ring.authenticate(token)
    ring._uses.wait(PATIENCE)
    assert ring.list()[0].last_used_at == first
    with sessions.begin() as session:
        session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=PAST))
    ring.authenticate(token)
    ring._uses.wait(PATIENCE)

    assert first is not None
    assert (ring.list()[0].last_used_at or PAST) >= first


@pytest.mark.parametrize("owner", ["", " ada", "a b", "a/b", "x" * 65, "ada\n"])
def test_names_that_no_owner_has(ring: ApiKeyStore, owner: str) -> None:
    with pytest.raises(InvalidParamsError, match="owner"):
        ring.create(owner, [Scope.READ])


def test_a_key_without_scopes(ring: ApiKeyStore) -> None:
    with pytest.raises(InvalidParamsError, match="scope"):
        ring.create("ada", [])


def test_admin_may_do_all() -> None:
    admin = Caller(owner="a", scopes=frozenset({Scope.ADMIN}))
    reader = Caller(owner="a", scopes=frozenset({Scope.READ}))

    assert [admin.has_scope(scope) for scope in Scope] == [True, True, True]
    assert [reader.has_scope(scope) for scope in Scope] == [True, False, False]


def atelier(home: Path, *arguments: str) -> Result:
    environment = {"ATELIER_HOME": str(home), "DATABASE_URL": ""}
    return CliRunner().invoke(main, ["keys", *arguments], env=environment)


@pytest.mark.parametrize("command", [("list",), ("create", "--owner", "ada"), ("revoke", "x")])
def test_no_database_is_made_by_accident(tmp_path: Path, command: tuple[str, ...]) -> None:
    refused = atelier(tmp_path, *command)
    assert refused.exit_code == 1
    assert f"There is no database at {tmp_path / 'atelier.db'}." in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_command_line(tmp_path: Path) -> None:
    made = atelier(
        tmp_path, "create", "--owner", "ada", "--label", "laptop", "--scope", "read", "--new-database"
    )
    token = made.stdout.strip()
    assert f"database sqlite:///{tmp_path}/atelier.db" in made.stderr
    [row] = json.loads(atelier(tmp_path, "list", "--json").stdout)

    assert made.exit_code == 0
    assert token.split("_")[1] == row["id"]
    assert (row["owner"], row["label"], row["scopes"]) == ("ada", "laptop", "read")
    assert token.split("_")[2] not in atelier(tmp_path, "list").output

    assert atelier(tmp_path, "revoke", row["id"]).exit_code == 0
    assert "revoked" in atelier(tmp_path, "list").stdout
    for wrong in (("revoke", "none"), ("create", "--owner", "a b")):
        result = atelier(tmp_path, *wrong)
        assert result.exit_code == 1
        assert len(result.stderr.strip().splitlines()) == 1


def test_a_key_works_while_nothing_can_be_written(tmp_path: Path) -> None:
    """Recording its use must not hold up a request that reads: another process has the lock."""
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    upgrade(url)
    engine, other = make_engine(url, request_threads=4), make_engine(url)
    try:
        ring = ApiKeyStore(make_sessions(engine))
        _, token = ring.create("ada", [Scope.READ])
        with other.begin():
            for _ in range(3):
                caller = ring.authenticate(token)
                assert caller is not None
            assert ring.list()[0].last_used_at is None
        ring._uses.wait(PATIENCE)
    finally:
        dispose(engine)
        dispose(other)
