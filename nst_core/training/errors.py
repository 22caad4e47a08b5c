"""Why a training can't start or go on."""

from __future__ import annotations

from nst_core.errors import NstError


class TrainingError(NstError):
    """A training of one style can't start or go on as asked."""
