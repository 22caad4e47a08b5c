"""The engine: a content picture and the statistics of a style become a stylised picture."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from nst_core.errors import NstError
from nst_core.images.color import match_colors
from nst_core.images.picture import Picture, Pixels, resize_exactly, resize_picture
from nst_core.networks.registry import Precision, StyleNetwork, open_network
from nst_core.runtimes.runtime import choose_runtime
from nst_core.stylize.batching import Order, Prepared, groups
from nst_core.stylize.composition import COLORS, Color, Layer, compose
from nst_core.stylize.grain import DEFAULT_TEXTURE, LARGEST_SEED, Grain
from nst_core.stylize.plan import Plan, Target
from nst_core.stylize.regions import Region
from nst_core.stylize.renderer import OnNotice, Renderer
from nst_core.stylize.strokes import BROADEST, FINEST, shrink, with_strokes, working_side

#: Larger results are refused; a picture takes about 40 bytes a pixel beside what the network needs.
MAX_PIXELS = 250_000_000

#: A listener: stage, step, total. Stages are "prepare", "render" and "finish".
OnProgress = Callable[[str, int, int], None]


class StylizeError(NstError):
    """A picture can't be stylised as asked."""


class StyleEngine:
    """One network, ready on one device. The same inputs give the same bytes on the same runtime.

    `network` is a bundled name, a file, or a module as it is to be run. `memory_mb` is what the network
    may take beside the picture: larger pictures go through it in tiles, with the same result. `cache`
    is a folder where compiled graphs are kept between processes. Raises `NetworkError`,
    `CheckpointError` or `RuntimeChoiceError`.
    """

    def __init__(
        self,
        network: str | Path | StyleNetwork = "slim",
        runtime: str = "auto",
        device: str = "auto",
        *,
        precision: Precision = "fp32",
        memory_mb: int = 1_500,
        max_pixels: int = MAX_PIXELS,
        cache: Path | None = None,
    ) -> None:
        if not isinstance(network, StyleNetwork):
            network = open_network(network, precision)
        self._network = network
        self.runtime = choose_runtime(runtime, self._network, device, cache=cache)
        self._max_pixels = max_pixels
        self._renderer = Renderer(self._network, self.runtime, memory_mb=memory_mb)

    @property
    def tuned_style(self) -> Tensor | None:
        """Statistics (1, S) of the style that the network was tuned to; None if it takes any style."""
        return self._network.tuned_style

    def style_statistics(
        self, picture: Picture, style_size: int = 384, *, match: Picture | None = None
    ) -> Tensor:
        """The statistics (1, S) of a style whose shorter side is brought to `style_size` pixels.

        Smaller means finer strokes. A picture is enlarged at most twofold. `match` is a content whose
        colours the style is given first. Raises `StylizeError`.
        """
        if not 16 <= style_size <= 4_096:
            raise StylizeError(f"The style size goes from 16 to 4096 pixels; got {style_size}.")
        scale = min(2.0, style_size / min(picture.width, picture.height))
        # A ribbon is shrunk until it has the pixels of a picture four times as long as it is wide.
        pixels = picture.width * picture.height * scale**2
        scale *= min(1.0, 2 * style_size / pixels**0.5)
        resized = resize_exactly(
            picture, max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        )
        if match is not None:
            resized = match_colors(resized, match)
        return self._renderer.statistics(resized.pixels)

    def stylize(
        self,
        content: Picture,
        style: Tensor,
        *,
        alpha: float = 0.8,
        size: int | None = None,
        color: Color = "style",
        stroke: float | None = None,
        regions: Sequence[Region] = (),
        texture: float = DEFAULT_TEXTURE,
        seed: int = 0,
        on_progress: OnProgress | None = None,
        on_notice: OnNotice | None = None,
    ) -> Picture:
        """`content` in `style` (statistics of `style_statistics` or `mix`).

        `alpha` goes from 0, the source pixels themselves, to 1; `size` is the longer side of the result
        in pixels, the content's own if None. `color` "luminance" takes only the light from the network
        and the hues from the content; for "match", measure the style with `match=content`. `stroke` is
        the width of the strokes as a share of the picture, from 0.5 to 8, where 1 is what a picture of
        1024 pixels gets; None paints them as fine as the network does at the size of the result.
        `regions` lie over the rest, later ones over earlier. `texture` (0 smooth, 1 textured) is how
        much noise is added to the content if the network was trained with noise; `seed` picks its
        pattern. Transparency is the content's.
        `on_notice` hears when memory ran out and the picture was made in another way. Raises
        `StylizeError`, `CompositionError`, or `MemoryError` if not even a tile fits.
        """
        (picture,) = self.stylize_strip(
            content,
            style,
            [alpha],
            size=size,
            color=color,
            stroke=stroke,
            regions=regions,
            texture=texture,
            seed=seed,
            on_progress=on_progress,
            on_notice=on_notice,
        )
        return picture

    def stylize_strip(
        self,
        content: Picture,
        style: Tensor,
        alphas: Sequence[float],
        *,
        size: int | None = None,
        color: Color = "style",
        stroke: float | None = None,
        regions: Sequence[Region] = (),
        texture: float = DEFAULT_TEXTURE,
        seed: int = 0,
        on_progress: OnProgress | None = None,
        on_notice: OnNotice | None = None,
    ) -> list[Picture]:
        """One picture for each of the strengths `alphas`, from one measurement of the content.

        The rest is as for `stylize`. A region with a strength of its own keeps it in every picture.
        """
        tell = on_progress or _ignore
        self._check(content, size, alphas, color, stroke)
        grain = self._grain(texture, seed)
        tell("prepare", 0, 1)
        source = content if size is None else resize_picture(content, size)
        plan = Plan(style, alphas, regions, source.width, source.height)
        tell("prepare", 1, 1)
        outputs = self._painted([content], [source], [plan.targets], [grain], stroke, on_notice)
        pictures: list[Picture] = []
        for layers in plan.pictures(_told(outputs, len(plan.targets), tell)):
            tell("finish", len(pictures), len(alphas))
            pictures.append(_finished(source, layers, color))
            tell("finish", len(pictures), len(alphas))
        return pictures

    def stylize_together(self, orders: Sequence[Order]) -> list[list[Picture]]:
        """What `stylize_strip` makes of each order, in as few passes through the network as can be.

        Pictures of one size, with strokes of one width and as many paintings, go through it together
        as far as there is memory. Raises what `stylize_strip` raises if any order can't be met.
        """
        for order in orders:
            self._check(order.content, order.size, order.alphas, order.color, order.stroke)
            self._grain(order.texture, order.seed)
        prepared = [Prepared.of(order) for order in orders]
        made: dict[int, list[Picture]] = {}
        for group in groups(prepared, lambda one: self._renderer.room(*one.largest)):
            chosen = [prepared[number] for number in group]
            contents = [one.order.content for one in chosen]
            sources, targets = [one.source for one in chosen], [one.plan.targets for one in chosen]
            grains = [self._grain(one.order.texture, one.order.seed) for one in chosen]
            outputs = self._painted(contents, sources, targets, grains, chosen[0].order.stroke, None)
            rows = [torch.split(batch, 1) for batch in outputs]
            for place, (number, one) in enumerate(zip(group, chosen, strict=True)):
                strip = one.plan.pictures(row[place] for row in rows)
                made[number] = [_finished(one.source, layers, one.order.color) for layers in strip]
        return [made[number] for number in range(len(orders))]

    def content_statistics(self, pixels: Pixels, texture: float = 0.0, seed: int = 0) -> Tensor:
        """The statistics (1, S) of a picture (H, W, 3) uint8 as it is, with noise as for `stylize`."""
        return self._renderer.statistics(pixels, grain=self._grain(texture, seed))

    def paint_frame(
        self,
        pixels: Pixels,
        content: Tensor,
        style: Tensor,
        *,
        alpha: float = 0.8,
        color: Color = "style",
        texture: float = DEFAULT_TEXTURE,
        seed: int = 0,
        on_notice: OnNotice | None = None,
    ) -> Pixels:
        """A frame (H, W, 3) uint8 in `style`, its own statistics taken to be `content`.

        The rest is as for `stylize`; the size is the frame's own.
        """
        self._check(Picture(pixels), None, [alpha], color, None)
        if alpha == 0:
            return pixels
        grain = self._grain(texture, seed)
        output = self._renderer.painted(pixels, content, Target(style, alpha), on_notice, grain=grain)
        return compose(pixels, [Layer(output, alpha)], color)

    @property
    def digest(self) -> str:
        """What the result depends on beside its inputs: weights, kind of network, runtime."""
        found = hashlib.sha256(
            f"{self._network!r} {self._network.noise!r} {self.runtime.name}".encode()
        )
        for name, value in sorted(self._network.state_dict().items()):
            found.update(name.encode())
            found.update(value.detach().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    def _painted(
        self,
        contents: Sequence[Picture],
        sources: Sequence[Picture],
        targets: Sequence[Sequence[Target]],
        grains: Sequence[Grain],
        stroke: float | None,
        on_notice: OnNotice | None,
    ) -> Iterator[Tensor]:
        """The network's outputs at the size of the sources, with strokes of the width asked for."""
        longest = _long(sources[0])
        side = longest if stroke is None else working_side(stroke)
        if side == longest:
            yield from self._render(sources, targets, grains, on_notice)
            return
        resized = [resize_picture(content, side) for content in contents]
        broad = self._render(resized, targets, grains, on_notice)
        if side > longest:
            for output in broad:
                yield shrink(output, sources[0].height, sources[0].width)
            return
        for output, strokes in zip(
            self._render(sources, targets, grains, on_notice), broad, strict=True
        ):
            yield with_strokes(output, strokes)

    def _render(
        self,
        sources: Sequence[Picture],
        targets: Sequence[Sequence[Target]],
        grains: Sequence[Grain],
        on_notice: OnNotice | None,
    ) -> Iterator[Tensor]:
        """The network's outputs (B, 3, H, W) for B sources, not clamped, for each target in turn."""
        if len(sources) == 1:
            return self._renderer.outputs(sources[0].pixels, targets[0], on_notice, grain=grains[0])
        return self._renderer.outputs_together([source.pixels for source in sources], targets, grains)

    def _grain(self, texture: float, seed: int) -> Grain:
        if not 0 <= texture <= 1:
            raise StylizeError(f"The texture goes from 0 to 1; got {texture}.")
        if not 0 <= seed <= LARGEST_SEED:
            raise StylizeError(f"The seed is a whole number from 0 to {LARGEST_SEED}; got {seed}.")
        return Grain.of(self._network, texture, seed)

    def _check(
        self,
        content: Picture,
        size: int | None,
        alphas: Sequence[float],
        color: str,
        stroke: float | None,
    ) -> None:
        wrong = [alpha for alpha in alphas if not 0 <= alpha <= 1]
        if wrong:
            raise StylizeError(f"The strength alpha goes from 0 to 1; got {wrong[0]}.")
        if color not in COLORS:
            raise StylizeError(f"There is no color {color!r}; there are {', '.join(COLORS)}.")
        if stroke is not None and not FINEST <= stroke <= BROADEST:
            raise StylizeError(f"The stroke goes from {FINEST:g} to {BROADEST:g}; got {stroke}.")
        if size is not None and size < 1:
            raise StylizeError(f"The size is at least 1 pixel; got {size}.")
        longest = max(size or _long(content), 0 if stroke is None else working_side(stroke))
        scale = longest / _long(content)
        if content.width * content.height * scale**2 > self._max_pixels:
            width, height = round(content.width * scale), round(content.height * scale)
            fits = int((self._max_pixels / (content.width * content.height)) ** 0.5 * _long(content))
            raise StylizeError(
                f"{width}×{height} pixels are more than fit in memory. Ask for a size of up to {fits}."
            )


def _finished(source: Picture, layers: Sequence[Layer], color: Color) -> Picture:
    if all(layer.output is None for layer in layers):
        return source
    return Picture(compose(source.pixels, layers, color), source.alpha, source.format)


def _ignore(stage: str, step: int, total: int) -> None:
    """Nobody listens."""


def _long(picture: Picture) -> int:
    return max(picture.width, picture.height)


def _told(outputs: Iterator[Tensor], total: int, tell: OnProgress) -> Iterator[Tensor]:
    for number in range(total):
        tell("render", number, total)
        output = next(outputs)
        tell("render", number + 1, total)
        yield output


def mix(styles: Sequence[Tensor], weights: Sequence[float] | None = None) -> Tensor:
    """One style of several: the weighted mean of their statistics; equal weights if None.

    Raises `StylizeError` for other numbers of weights, negative ones, or a sum of 0.
    """
    shares = [1.0] * len(styles) if weights is None else [float(weight) for weight in weights]
    if not styles or len(shares) != len(styles):
        raise StylizeError(f"Give one weight for each style; got {len(shares)} for {len(styles)}.")
    total = sum(shares)
    if min(shares) < 0 or not 0 < total < float("inf"):
        raise StylizeError(f"Weights are not negative and not all zero; got {shares}.")
    mean = torch.zeros_like(styles[0])
    for style, share in zip(styles, shares, strict=True):
        mean += style * (share / total)
    return mean
