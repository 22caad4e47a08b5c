"""API keys: what a program shows to be an owner.

A key is `atl_ID_SECRET`. The ID finds its row, and the row holds only the SHA-256 of the secret: 256
bits from the system's random source need no slow hash, because there is nothing to guess.
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

from sqlalchemy import func, or_, select, update

from jobs.db.engine import SessionFactory, now, reading
from jobs.db.models.owners import ApiKey
from jobs.db.upserts import ensure_owner
from jobs.errors import InvalidParamsError, NotFoundError

_TOKEN = re.compile(r"atl_([0-9a-f]{12})_([0-9a-f]{64})")
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
#: `last_used_at` is written at most this often, so that reading does not become writing.
USED_SECONDS = 60.0


class Scope(StrEnum):
    """What a key may do. `admin` may do all, for its own owner, and see the figures of the service."""

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whoever makes a request. `key_id` is None where no keys are asked for."""

    owner: str
    scopes: frozenset[Scope]
    key_id: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the caller's key has the scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class ApiKeyStore:
    """The keys of one installation."""

    def __init__(self, sessions: SessionFactory) -> None:
        self._sessions = sessions

    def create(
        self,
        owner: str,
        scopes: Collection[Scope],
        *,
        label: str = "",
        days: float | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key, and the token that is shown this once.

        `days` is how long it holds (None: for ever). Raises `InvalidParamsError`.
        """
        if not _OWNER.fullmatch(owner):
            raise InvalidParamsError(
                [
                    (
                        "owner",
                        "An owner has 1 to 64 letters, digits and . _ @ -, a letter or digit first.",
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
        """All keys, the oldest first."""
        with reading(self._sessions) as session:
            return list(session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)).all())

    def has_active_keys(self) -> bool:
        """Whether there is a key that works."""
        with reading(self._sessions) as session:
            at = now(session)
            lasting = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > at)
            found = select(func.count()).select_from(ApiKey).where(ApiKey.revoked_at.is_(None), lasting)
            return bool(session.scalar(found))

    def revoke(self, key_id: str) -> ApiKey:
        """End a key, and every session that was opened with it. Raises `NotFoundError`."""
        with self._sessions.begin() as session:
            key = session.get(ApiKey, key_id)
            if key is None:
                raise NotFoundError(f"There is no key {key_id[:40]}; see atelier keys list.")
            key.revoked_at = key.revoked_at or now(session)
        return key

    def authenticate(self, token: str) -> Caller | None:
        """Whose token this is; None for one that is malformed, unknown, revoked or expired."""
        parts = _TOKEN.fullmatch(token)
        return None if parts is None else self._caller(parts[1], parts[2])

    def authenticate_by_id(self, key_id: str) -> Caller | None:
        """Whose key this is, for a session that was opened with it; None if it works no more."""
        return self._caller(key_id, None)

    def _caller(self, key_id: str, secret: str | None) -> Caller | None:
        with reading(self._sessions) as session:
            key = session.get(ApiKey, key_id)
            at = now(session)
        # The same work whether or not there is such a key, and no early end of the comparison.
        expected = "" if key is None else key.secret_hash
        if secret is not None and not hmac.compare_digest(_hash(secret), expected):
            return None
        if key is None or key.revoked_at is not None:
            return None
        if key.expires_at is not None and key.expires_at <= at:
            return None
        if key.last_used_at is None or (at - key.last_used_at).total_seconds() > USED_SECONDS:
            self._note_use(key_id)
        scopes = frozenset(Scope(scope) for scope in key.scopes.split())
        return Caller(owner=key.owner, scopes=scopes, key_id=key.id)

    def _note_use(self, key_id: str) -> None:
        with self._sessions.begin() as session:
            session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=now(session)))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
