"""The engine of a network of one style, which was trained into its weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from nst_core.images.color import match_colors
from nst_core.images.picture import Picture, to_pixels, to_tensor
from nst_core.networks.feed_forward import open_feed_forward
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.runtimes.choice import choose_feed_forward_runtime
from nst_core.runtimes.runtime import MEMORY_MB, FeedForwardRuntime
from nst_core.stylize.engine import Engine
from nst_core.stylize.memory_limit import MemoryLimit
from nst_core.stylize.one_style_renderer import OneStyleRenderer
from nst_core.stylize.request import MAX_PIXELS, OnNotice, RenderRequest, StylizeError

if TYPE_CHECKING:
    from params.painting import Color


class OneStyleEngine(Engine):
    """A network of one style, ready on one device. The strength is a blend of pixels.

    `network` is a file or a module; `runtime` a name or a runtime of that network. `half` asks for half
    precision, on CUDA only. `memory_mb` is the memory that the network may take beside the picture, or
    `limit` the sizes themselves: larger pictures are rendered in tiles, with statistics from an even
    sample of up to `sample_pixels`. `color` "match" gives the result the content's colours. Raises
    `CheckpointError` or `RuntimeChoiceError`.
    """

    fixed_style = True
    blends_pixels: ClassVar[bool] = True
    default_alpha: ClassVar[float] = 1.0

    def __init__(
        self,
        network: str | Path | JohnsonNetwork,
        runtime: str | FeedForwardRuntime = "auto",
        device: str = "auto",
        *,
        half: bool = False,
        memory_mb: int = MEMORY_MB,
        limit: MemoryLimit | None = None,
        sample_pixels: int | None = None,
        max_pixels: int = MAX_PIXELS,
        threads: int = 0,
    ) -> None:
        if not isinstance(network, JohnsonNetwork):
            network = open_feed_forward(network)
        if isinstance(runtime, str):
            runtime = choose_feed_forward_runtime(
                runtime, network, device, half=half, memory_mb=memory_mb, threads=threads
            )
        super().__init__(network, runtime.name, runtime.device, max_pixels)
        self._feed_forward = network
        self._runtime = runtime
        self._memory_mb = memory_mb
        self._limit = limit
        self._sample_pixels = sample_pixels

    def renderer(
        self, on_notice: OnNotice | None = None, on_tile: Callable[[], None] | None = None
    ) -> OneStyleRenderer:
        """See `Engine`."""
        return OneStyleRenderer(
            self._feed_forward,
            self._runtime,
            limit=self._limit,
            memory_mb=self._memory_mb,
            sample_pixels=self._sample_pixels,
            on_notice=on_notice,
            on_tile=on_tile,
        )

    def style_statistics(
        self, picture: Picture, style_size: int = 384, *, match: Picture | None = None
    ) -> Tensor:
        """See `Engine`: raises `StylizeError`."""
        raise StylizeError("The network holds its one style and takes no other.")

    def corrected(self, output: Tensor, source: Picture, color: Color) -> Tensor:
        """See `Engine`: for "match", the output in the colours of the source."""
        if color != "match":
            return output
        return to_tensor(match_colors(Picture(to_pixels(output)), source).pixels)

    def _check(self, request: RenderRequest) -> None:
        if request.style is not None or any(region.style is not None for region in request.regions):
            raise StylizeError("The network holds its one style and takes no other.")
