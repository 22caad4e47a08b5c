"""Signed tokens of this installation, for links and sessions."""

from __future__ import annotations

from flask import current_app
from itsdangerous import URLSafeTimedSerializer

from web.current import whole_service
from web.security.secret_key import signing_secret


def serializer(purpose: str) -> URLSafeTimedSerializer:
    """A serializer that signs and verifies tokens; tokens of another purpose are invalid."""
    if "secret" not in current_app.extensions:
        current_app.extensions["secret"] = signing_secret(whole_service().settings)
    return URLSafeTimedSerializer(current_app.extensions["secret"], salt=f"atelier.{purpose}")
