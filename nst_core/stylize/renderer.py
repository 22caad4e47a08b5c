"""Base class of renderers: network passes over pictures of any size in bounded memory, for one job."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from nst_core.images.picture import Pixels
from nst_core.stylize.grain import Grain
from nst_core.stylize.memory_limit import MemoryLimit
from nst_core.stylize.plan import Target
from nst_core.stylize.request import OnNotice

T = TypeVar("T")


class Encoded:
    """Pictures of one size after the part of the network that does not depend on the style.

    `statistics` (B, S) are measured on the pictures; None for a network that has none to replace, and
    where `encode` was called without `reuse`.
    """

    statistics: Tensor | None


class Renderer(ABC):
    """Runs one network for one job: out of memory, it goes on with smaller tiles, then on the CPU.

    A reduced limit or another runtime lasts as long as the renderer, so the next job starts afresh.
    `on_notice` is called when that happens, `on_tile` before each tile of a picture in tiles.
    """

    def __init__(
        self, limit: MemoryLimit, on_notice: OnNotice | None, on_tile: Callable[[], None] | None
    ) -> None:
        self.limit = limit
        self._notice = on_notice or _ignore_notice
        self._on_tile = on_tile or _ignore_tile
        self._lock = threading.Lock()

    @property
    @abstractmethod
    def runtime(self) -> str:
        """Name of the runtime in use; another one after a GPU's memory ran out."""

    @property
    @abstractmethod
    def device(self) -> str:
        """Device of the runtime in use."""

    @abstractmethod
    def room(self, height: int, width: int) -> int:
        """Number of pictures of a size that fit in memory in one pass; 0 if not even one does."""

    @abstractmethod
    def encode(
        self, pictures: Sequence[Pixels], *, reuse: bool = True, grains: Sequence[Grain] = ()
    ) -> Encoded:
        """Encode B pictures (H, W, 3) uint8 of one size, of which `room` says that they fit.

        `grains` is the noise of each picture, none if left out. Without `reuse` the result is decoded
        once only, and may have no statistics. For several pictures, an error of missing memory is
        raised for the caller, who can take fewer.
        """

    @abstractmethod
    def decode(
        self, encoded: Encoded, targets: Sequence[Target], content: Tensor | None = None
    ) -> Tensor:
        """The outputs (B, 3, H, W), not clamped, one target for each picture.

        `content` (B, S) stands in for the measured statistics, as in a film, where it is a mean over
        time.
        """

    @abstractmethod
    def _move_to_cpu(self) -> None:
        """Go on with a copy of the network on the CPU."""

    def _with_less_memory(self, attempt: Callable[[], T]) -> T:
        """The result of `attempt`, which is repeated with less memory as long as memory runs out."""
        while True:
            limit, device = self.limit, self.device
            try:
                return attempt()
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                with self._lock:
                    # Another thread of the same job may have reduced the limit already.
                    if (self.limit, self.device) == (limit, device) and not self._reduce():
                        raise MemoryError(
                            "There is not enough memory for even the smallest tile."
                        ) from error

    def _reduce(self) -> bool:
        """Smaller tiles, or else the CPU; returns whether there was anything left to reduce."""
        device = self.device
        if device != "cpu":
            torch.cuda.empty_cache()
        smaller = self.limit.reduced()
        if smaller is not None:
            self.limit = smaller
            self._notice(
                f"Memory ran out; the picture is rendered in tiles of {smaller.window} pixels."
            )
            return True
        if device == "cpu":
            return False
        self._move_to_cpu()
        self._notice(
            f"The memory of {device} ran out even in small tiles; the CPU renders the picture."
        )
        return True


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of PyTorch, OpenVINO or NumPy says that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return any(word in text for word in ("out of memory", "bad_alloc", "allocate memory", "alloc_cpu"))


def _ignore_notice(notice: str) -> None:
    """The default notice listener."""


def _ignore_tile() -> None:
    """The default tile listener."""
