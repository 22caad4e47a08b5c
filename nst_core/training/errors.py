"""Errors of trainings."""

from __future__ import annotations

from nst_core.errors import NstError


class TrainingError(NstError):
    """A training can't start or continue with these settings or files."""


class ConfigError(TrainingError):
    """A setting has an invalid value."""
