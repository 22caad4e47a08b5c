"""Every kind of job has a handler."""

from jobs.params.kinds import KINDS
from worker.kinds.handlers import HANDLERS


def test_every_kind_has_a_handler() -> None:
    assert set(HANDLERS) == set(KINDS)
