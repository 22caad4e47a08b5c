"""The secret that signs download links and browser sessions."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from jobs.settings import Settings

FILE = "secret_key"


def signing_secret(settings: Settings) -> str:
    """`SECRET_KEY`, or a random one that is created once in the home folder with mode 0600."""
    return settings.secret_key or _stored(settings.home / FILE)


def _stored(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
            # Fails if another process was first; then its secret is used.
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink(missing_ok=True)
    return path.read_text().strip()
