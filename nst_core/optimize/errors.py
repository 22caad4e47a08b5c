"""Errors of optimisations."""

from __future__ import annotations

from nst_core.errors import NstError


class GatysError(NstError):
    """An optimisation can't be done with these settings."""
