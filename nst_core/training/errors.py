"""Why a training can't start or go on."""

from __future__ import annotations


class TrainingError(ValueError):
    """A training of one style can't start or go on as asked."""
