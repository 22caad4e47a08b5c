"""Loss log as TensorBoard event files, where the package tensorboardX is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any


class LossLog(AbstractContextManager["LossLog"]):
    """Writes event files to `folder`; a write error is reported to `on_notice` and ends the log.

    Entries of an earlier run after `step` are marked as outdated, as TensorBoard expects.
    """

    def __init__(self, folder: Path, step: int, on_notice: Callable[[str, str], None]) -> None:
        self._on_notice = on_notice
        self._writer: Any = None
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            on_notice("no_loss_log", "Losses are not logged for TensorBoard: pip install tensorboardX.")
            return
        try:
            self._writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)
        except OSError as error:
            self._disable(error)

    def write(self, step: int, losses: Mapping[str, float]) -> None:
        """Write one entry per loss, named `loss/NAME`."""
        if self._writer is None:
            return
        try:
            for name, value in losses.items():
                self._writer.add_scalar(f"loss/{name}", value, step)
            self._writer.flush()
        except OSError as error:
            self._disable(error)

    def _disable(self, error: OSError) -> None:
        self._writer = None
        self._on_notice(
            "loss_log_not_written", f"The loss log can't be written ({error.strerror or error})."
        )

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            try:
                self._writer.close()
            except OSError as error:
                self._disable(error)
