"""The engine: stylize requests become pictures, with one network on one device."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from nst_core.images.picture import Picture, Pixels, resize_picture
from nst_core.stylize.batching import Prepared, groups
from nst_core.stylize.composition import Layer, compose
from nst_core.stylize.grain import SMOOTH, Grain
from nst_core.stylize.plan import Target
from nst_core.stylize.regions import Region
from nst_core.stylize.renderer import Renderer, is_out_of_memory
from nst_core.stylize.request import (
    OnNotice,
    OnProgress,
    RenderReport,
    RenderRequest,
    StylizeError,
)
from nst_core.stylize.strokes import shrink, with_strokes
from params.working_size import working_side

if TYPE_CHECKING:
    from params.painting import Color, PaintSettings

#: Composes the pictures of one request after its network passes.
Finish = Callable[[], list[Picture]]


class Engine(ABC):
    """One network, ready on one device. The same inputs give the same bytes on the same runtime.

    `fixed_style` says that the network holds its style, so that requests have none. `blends_pixels`
    says that a strength is only a blend of pixels. `default_alpha` is the strength if none is given.
    Batches, strips, strokes, tiles and missing memory are handled inside
    `render`.
    """

    fixed_style: bool
    blends_pixels: ClassVar[bool]
    default_alpha: ClassVar[float]

    def __init__(self, network: nn.Module, runtime: str, device: str, max_pixels: int) -> None:
        self._network = network
        self.runtime = runtime
        self.device = device
        self._max_pixels = max_pixels

    @abstractmethod
    def renderer(
        self, on_notice: OnNotice | None = None, on_tile: Callable[[], None] | None = None
    ) -> Renderer:
        """A renderer for one job. What it changes when memory runs out ends with the job."""

    @abstractmethod
    def style_statistics(
        self, picture: Picture, style_size: int = 384, *, match: Picture | None = None
    ) -> Tensor:
        """The statistics (1, S) of a style. Raises `StylizeError` if the network takes no style."""

    @abstractmethod
    def _check(self, request: RenderRequest) -> None:
        """Raise `StylizeError` if the network can't do what the request asks for."""

    def render(
        self,
        requests: Sequence[RenderRequest],
        *,
        on_progress: OnProgress | None = None,
        report: RenderReport | None = None,
    ) -> list[list[Picture]]:
        """The pictures of each request, one for each of its strengths.

        Pictures of one size, with strokes of one width and as many passes, go through the network
        together as far as there is memory. `on_progress` is called often, and may raise to stop.
        `report` is filled in. Raises `StylizeError`, `CompositionError`, or `MemoryError` if not even a
        tile fits.
        """
        for request in requests:
            self.check(request)
        progress = on_progress or _ignore
        progress("prepare", 0, 1)
        prepared = [self.prepared(request) for request in requests]
        progress("prepare", 1, 1)
        passes = self.passes(prepared, on_progress=progress, report=report)
        results = {index: finish() for index, finish in passes}
        return [results[index] for index in range(len(requests))]

    def check(self, request: RenderRequest) -> None:
        """Raise `StylizeError` for a value out of range or for what the network can't do."""
        request.check(self._max_pixels)
        self._check(request)

    def passes(
        self,
        prepared: Sequence[Prepared],
        *,
        on_progress: OnProgress | None = None,
        report: RenderReport | None = None,
    ) -> Iterator[tuple[int, Finish]]:
        """The network passes of requests that were checked and `prepared`: the middle of `render`.

        Yields the index of each request, and what composes its pictures. That needs no device, and may
        be called in another thread. Raises as `render` does.
        """
        report = RenderReport() if report is None else report
        progress = _Progress(on_progress or _ignore)
        renderer = self.renderer(report.notices.append, progress.tile)
        for indices in groups(prepared, renderer.room):
            chosen = [prepared[index] for index in indices]
            yield from zip(indices, self._group(renderer, chosen, progress), strict=True)
        report.runtime, report.device = renderer.runtime, renderer.device

    def stylize(
        self,
        content: Picture,
        style: Tensor | None = None,
        *,
        alpha: float | None = None,
        regions: Sequence[Region] = (),
        **settings: Any,
    ) -> Picture:
        """One picture: `render` for one request with one strength.

        `settings` are fields of `PictureSettings`. Raises `StylizeError` for one out of range.
        """
        from params.errors import SettingsError, parse_settings
        from params.painting import PictureSettings

        try:
            chosen = parse_settings(PictureSettings, settings)
        except SettingsError as error:
            raise StylizeError(str(error)) from error
        alphas = [self.default_alpha if alpha is None else alpha]
        request = RenderRequest(
            content=content, style=style, alphas=alphas, settings=chosen, regions=regions
        )
        return self.render([request])[0][0]

    @property
    def digest(self) -> str:
        """SHA-256 of weights, kind of network and runtime, which decide a result beside its inputs."""
        found = hashlib.sha256(f"{self._network!r} {self.runtime}".encode())
        for name, value in sorted(self._network.state_dict().items()):
            found.update(name.encode())
            found.update(value.detach().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    def prepared(self, request: RenderRequest) -> Prepared:
        """The plan of a request; a network that holds its style puts it in."""
        return Prepared.of(request, fixed_style=self.blends_pixels)

    def grain(self, request: RenderRequest) -> Grain:
        """The noise that is added to the content of a request."""
        return SMOOTH

    def corrected(self, output: Tensor, source: Picture, color: Color) -> Tensor:
        """The network's output (1, 3, H, W) with corrections that depend on the whole picture."""
        return output

    def _group(
        self, renderer: Renderer, group: Sequence[Prepared], progress: _Progress
    ) -> list[Finish]:
        """The passes of requests of one shape, together if memory allows."""
        if len(group) == 1:
            return [self._alone(renderer, group[0], progress)]
        try:
            batches = [torch.split(batch, 1) for batch in self._outputs(renderer, group, progress)]
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return [self._alone(renderer, one, progress) for one in group]
        rows = [iter([batch[row] for batch in batches]) for row in range(len(group))]
        return [
            partial(self._finished, one, row, progress) for one, row in zip(group, rows, strict=True)
        ]

    def _alone(self, renderer: Renderer, prepared: Prepared, progress: _Progress) -> Finish:
        """The passes of one request; those of a strip are composed one by one, to hold one output."""
        outputs = self._outputs(renderer, [prepared], progress)
        if len(prepared.plan.targets) == 1:
            return partial(self._finished, prepared, iter(list(outputs)), progress)
        pictures = self._finished(prepared, outputs, progress)
        return lambda: pictures

    def _finished(
        self, prepared: Prepared, outputs: Iterator[Tensor], progress: _Progress
    ) -> list[Picture]:
        request, source = prepared.request, prepared.source
        corrected = (self.corrected(output, source, request.settings.color) for output in outputs)
        pictures: list[Picture] = []
        for layers in prepared.plan.pictures(corrected):
            progress.report("finish", len(pictures), len(request.alphas))
            pictures.append(_composed(source, layers, request.settings))
            progress.report("finish", len(pictures), len(request.alphas))
        return pictures

    def _outputs(
        self, renderer: Renderer, group: Sequence[Prepared], progress: _Progress
    ) -> Iterator[Tensor]:
        """The outputs (B, 3, H, W) at the size of the sources, with the strokes of the requests."""
        sources = [one.source for one in group]
        targets = list(zip(*(one.plan.targets for one in group), strict=True))
        outputs = self._with_strokes(renderer, group, sources, targets)
        for number in range(len(targets)):
            progress.report("render", number, len(targets))
            output = next(outputs)
            progress.report("render", number + 1, len(targets))
            yield output

    def _with_strokes(
        self,
        renderer: Renderer,
        group: Sequence[Prepared],
        sources: Sequence[Picture],
        targets: Sequence[Sequence[Target]],
    ) -> Iterator[Tensor]:
        grains = [self.grain(one.request) for one in group]
        stroke = group[0].request.settings.stroke
        longest = max(sources[0].width, sources[0].height)
        side = longest if stroke is None else working_side(stroke)
        if side == longest:
            yield from _decoded(renderer, sources, targets, grains)
            return
        resized = [resize_picture(one.request.content, side) for one in group]
        broad = _decoded(renderer, resized, targets, grains)
        if side > longest:
            for output in broad:
                yield shrink(output, sources[0].height, sources[0].width)
            return
        for output, strokes in zip(_decoded(renderer, sources, targets, grains), broad, strict=True):
            yield with_strokes(output, strokes)


class _Progress:
    """Calls the progress listener, and again with the last step for each tile."""

    def __init__(self, listener: OnProgress) -> None:
        self._listener = listener
        self._last = ("prepare", 0, 1)

    def report(self, stage: str, step: int, total: int) -> None:
        self._last = (stage, step, total)
        self._listener(stage, step, total)

    def tile(self) -> None:
        self._listener(*self._last)


def _decoded(
    renderer: Renderer,
    pictures: Sequence[Picture],
    targets: Sequence[Sequence[Target]],
    grains: Sequence[Grain],
) -> Iterator[Tensor]:
    """The network's outputs (B, 3, H, W) for B pictures, for each target; each is encoded once."""
    if not targets:
        return
    pixels: list[Pixels] = [picture.pixels for picture in pictures]
    encoded = renderer.encode(pixels, reuse=len(targets) > 1, grains=grains)
    for chosen in targets:
        yield renderer.decode(encoded, chosen)


def _composed(source: Picture, layers: Sequence[Layer], settings: PaintSettings) -> Picture:
    if all(layer.output is None for layer in layers):
        return source
    return Picture(compose(source.pixels, layers, settings), source.alpha, source.format)


def _ignore(stage: str, step: int, total: int) -> None:
    """The default progress listener."""
