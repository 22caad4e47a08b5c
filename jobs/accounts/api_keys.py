"""API keys: creation, authentication, revocation.

A key is `atl_ID_SECRET`. The ID selects the row, which holds only the SHA-256 of the secret. A slow
password hash is not needed, because the secret is 256 random bits, which can't be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import bindparam, func, or_, select

from jobs.accounts.key_uses import USE_INTERVAL_SECONDS, KeyUses
from jobs.db.engine import SessionFactory, now, reader_of, reading, table, time_of
from jobs.db.models.owners import ApiKey
from jobs.db.upserts import ensure_owner
from jobs.errors import InvalidParamsError, NotFoundError

_TOKEN = re.compile(r"atl_([0-9a-f]{12})_([0-9a-f]{64})")
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Scope(StrEnum):
    """Permission of a key. `admin` includes the others, and operators' pages and metrics."""

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The authenticated caller of a request. `key_id` is None if keys are not required."""

    owner: str
    scopes: frozenset[Scope]
    key_id: str | None = None

    def has_scope(self, scope: Scope) -> bool:
        """Whether the caller has a scope, itself or through `admin`."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


# Columns and not an object of the ORM, and built once: most requests look up a key.
_KEY = select(
    *(table(ApiKey).c[name] for name in ("id", "owner", "scopes", "secret_hash")),
    *(table(ApiKey).c[name] for name in ("expires_at", "last_used_at", "revoked_at")),
).where(table(ApiKey).c.id == bindparam("id"))


class ApiKeyStore:
    """Creates, lists, revokes and authenticates API keys."""

    def __init__(self, sessions: SessionFactory) -> None:
        self._sessions = sessions
        self._reader = reader_of(sessions)
        self._uses = KeyUses(sessions)

    def create(
        self,
        owner: str,
        scopes: Collection[Scope],
        *,
        label: str = "",
        days: float | None = None,
    ) -> tuple[ApiKey, str]:
        """Create a key; returns its row and its token, which can't be read again later.

        `days` is the lifetime of the key (None: unlimited). Raises `InvalidParamsError`.
        """
        if not _OWNER.fullmatch(owner):
            raise InvalidParamsError(
                [
                    (
                        "owner",
                        "An owner has 1 to 64 letters, digits and . _ @ -, first a letter or digit.",
                    )
                ]
            )
        if not scopes:
            raise InvalidParamsError([("scope", "A key needs at least one scope.")])
        secret = secrets.token_hex(32)
        with self._sessions.begin() as session:
            ensure_owner(session, owner)
            at = now(session)
            key = ApiKey(
                id=secrets.token_hex(6),
                owner=owner,
                label=label[:120],
                scopes=" ".join(sorted(scopes)),
                secret_hash=_hash(secret),
                created_at=at,
                expires_at=None if days is None else at + timedelta(days=days),
            )
            session.add(key)
        return key, f"atl_{key.id}_{secret}"

    def list(self) -> list[ApiKey]:
        """All keys, oldest first."""
        with reading(self._sessions) as session:
            return list(session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)).all())

    def has_active_keys(self) -> bool:
        """Whether any key is neither revoked nor expired."""
        with reading(self._sessions) as session:
            at = now(session)
            unexpired = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > at)
            found = (
                select(func.count()).select_from(ApiKey).where(ApiKey.revoked_at.is_(None), unexpired)
            )
            return bool(session.scalar(found))

    def revoke(self, key_id: str) -> ApiKey:
        """Revoke a key, and so every session that was opened with it. Raises `NotFoundError`."""
        with self._sessions.begin() as session:
            key = session.get(ApiKey, key_id)
            if key is None:
                raise NotFoundError(f"There is no key {key_id[:40]}; see atelier keys list.")
            key.revoked_at = key.revoked_at or now(session)
        return key

    def authenticate(self, token: str) -> Caller | None:
        """The caller with this token; None if it is malformed, unknown, revoked or expired."""
        parts = _TOKEN.fullmatch(token)
        return None if parts is None else self._caller(parts[1], parts[2])

    def authenticate_by_id(self, key_id: str) -> Caller | None:
        """The caller of a session that was opened with a key; None if the key is revoked or expired."""
        return self._caller(key_id, None)

    def _caller(self, key_id: str, secret: str | None) -> Caller | None:
        with self._reader.connect() as connection:
            key = connection.execute(_KEY, {"id": key_id}).one_or_none()
            at = time_of(connection)
        # Constant time, whether or not the key exists: response times must not reveal ids or secrets.
        expected = "" if key is None else key.secret_hash
        if secret is not None and not hmac.compare_digest(_hash(secret), expected):
            return None
        if key is None or key.revoked_at is not None:
            return None
        if key.expires_at is not None and key.expires_at <= at:
            return None
        if key.last_used_at is None or (at - key.last_used_at).total_seconds() > USE_INTERVAL_SECONDS:
            self._uses.record(key_id)
        scopes = frozenset(Scope(scope) for scope in key.scopes.split())
        return Caller(owner=key.owner, scopes=scopes, key_id=key.id)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
