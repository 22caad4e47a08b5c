"""The memory limit of a renderer: sizes of whole pictures and tiles, reduced after a failure."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class MemoryLimit:
    """Sizes in pixels that the network is given at once.

    Pictures of up to `whole_pixels` are rendered whole, larger ones in square tiles with sides of
    `window`, which is at least `least_window`. `feature_bytes` is the memory for encoded tiles that
    are kept between passes.
    """

    whole_pixels: int
    window: int
    least_window: int
    feature_bytes: int = 0

    @classmethod
    def of(
        cls, memory_mb: int, bytes_per_pixel: int, margin: int, *, window_share: float = 1.0
    ) -> MemoryLimit:
        """The limit for `memory_mb` of working memory of a network that needs `bytes_per_pixel`.

        `margin` is the overlap of tiles in pixels; a window below four margins is mostly overlap.
        `window_share` is the share of the memory that one tile may take.
        """
        pixels = memory_mb * 1_000_000 // bytes_per_pixel
        least = 4 * margin
        window = max(least, int((pixels * window_share) ** 0.5) // 64 * 64)
        features = int(memory_mb * 1_000_000 * (1 - window_share) * 0.75)
        return cls(pixels, window, least, features)

    def reduced(self) -> MemoryLimit | None:
        """The next smaller limit after memory ran out; None if this is the smallest."""
        if self.whole_pixels <= self.least_window**2:
            return None
        side = min(self.window, int(self.whole_pixels**0.5)) // 2 // 64 * 64
        window = max(self.least_window, side)
        return replace(self, whole_pixels=window**2, window=window, feature_bytes=0)
