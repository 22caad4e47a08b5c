"""Optimisation of the pixels of a picture (Gatys et al. 2015), from coarse to fine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from nst_core.images.color import match_colors
from nst_core.images.picture import Picture, resize_exactly, resize_picture, to_tensor
from nst_core.losses.losses import gram_matrix, out_of_range, total_variation
from nst_core.losses.perceptual import LossNetwork, content_distance
from nst_core.optimize.errors import GatysError as GatysError
from nst_core.runtimes.choice import choose_device
from nst_core.stylize.composition import Layer, compose
from nst_core.training.johnson.style import style_picture

if TYPE_CHECKING:
    from params.optimize import GatysConfig

#: Progress listener, called after every step: stage such as "128×96", step, total, weighted losses.
OnProgress = Callable[[str, int, int, dict[str, float]], None]
#: Weight of the penalty for values outside of [0, 1], high enough that clamping at the end is not
#: visible.
_RANGE_WEIGHT = 100.0
#: Smallest longer side of a level: below it the loss network's deepest features have one position.
_LEAST = 64


def optimize(
    content: Picture,
    style: Picture,
    config: GatysConfig,
    *,
    on_progress: OnProgress = lambda stage, step, total, losses: None,
    on_preview: Callable[[Picture], None] = lambda picture: None,
    should_stop: Callable[[], object] = lambda: None,
    device: str = "auto",
) -> Picture:
    """`content` in `style`, its longer side `config.size`; alpha and transparency are the content's.

    When `should_stop` returns true, the current state is finished and returned; its exceptions
    propagate. Raises `GatysError` where the losses are no numbers, `VggError` or `RuntimeChoiceError`.
    """
    device = choose_device(device)
    source = resize_picture(content, config.size)
    if config.color == "match":
        style = match_colors(style, content)
    loss_network = LossNetwork.load(
        config.loss_network, config.style_layers, content_layer=config.content_layer, device=device
    )
    sides = _sides(source, config.levels)
    run = _Run(config, loss_network, len(sides) * config.steps, on_progress, should_stop)
    image: Tensor | None = None
    for height, width in sides:
        level = resize_exactly(Picture(source.pixels), width, height)
        target = to_tensor(level.pixels).to(device)
        share = max(height, width) / max(source.height, source.width)
        side = config.style_size or min(source.height, source.width)
        painting = to_tensor(style_picture(style, max(16, round(side * share))).pixels)
        image = _start(config, target) if image is None else _enlarged(image, height, width)
        image = run.level(
            image,
            target,
            loss_network.grams(painting.to(device), config.style_layers),
            lambda image: on_preview(_finished(image, source, config)),
        )
        if run.stopped:
            break
    assert image is not None  # noqa: S101 - there is always a level
    return _finished(image, source, config)


@dataclass
class _Run:
    """All levels of one optimisation."""

    config: GatysConfig
    loss_network: LossNetwork
    total: int
    on_progress: OnProgress
    should_stop: Callable[[], object]
    step: int = 0
    stopped: bool = False

    def level(
        self,
        image: Tensor,
        target: Tensor,
        grams: dict[str, Tensor],
        preview: Callable[[Tensor], None],
    ) -> Tensor:
        """The image after its steps at this size."""
        config = self.config
        # L-BFGS reshapes gradients to vectors, which channels-last memory does not allow.
        pixels = image.detach().contiguous().clone().requires_grad_()
        held = self.loss_network.content(target)
        optimizer = _optimizer(config, pixels)
        latest: dict[str, Tensor] = {}
        stage = f"{target.shape[3]}×{target.shape[2]}"

        def closure() -> Tensor:
            optimizer.zero_grad()
            latest.update(self._losses(pixels, held, grams))
            latest["total"].backward()  # type: ignore[no-untyped-call]
            return latest["total"]

        for _ in range(config.steps):
            before = pixels.detach().clone()
            optimizer.step(closure)  # type: ignore[arg-type]
            if not bool(torch.isfinite(pixels).all()):
                # L-BFGS can diverge; it restarts from the last finite picture, with an empty history.
                with torch.no_grad():
                    pixels.copy_(before)
                optimizer = _optimizer(config, pixels)
                if not bool(torch.isfinite(closure())):
                    raise GatysError("The losses are no numbers. Lower the weights.")
            self.step += 1
            with torch.no_grad():
                after = self._losses(pixels, held, grams) if config.optimizer == "lbfgs" else latest
            losses = {name: float(value.detach()) for name, value in after.items()}
            self.on_progress(stage, self.step, self.total, losses)
            if self.step % config.preview_interval == 0:
                preview(pixels.detach())
            if self.should_stop():
                self.stopped = True
                break
        return pixels.detach()

    def _losses(self, image: Tensor, held: Tensor, grams: dict[str, Tensor]) -> dict[str, Tensor]:
        config = self.config
        seen = self.loss_network(image)
        style = torch.stack(
            [
                share
                * (gram_matrix(seen[layer]) - grams[layer]).square().sum()
                / grams[layer].square().sum().clamp_min(1e-12)
                for layer, share in config.shares.items()
            ]
        ).sum()
        content = content_distance(seen[config.content_layer], held, relative=True)
        parts = {
            "content": config.content_weight * content,
            "style": config.style_weight * style,
            "tv": config.tv_weight * total_variation(image),
        }
        total = torch.stack(list(parts.values())).sum() + _RANGE_WEIGHT * out_of_range(image)
        return parts | {"total": total}


def _optimizer(config: GatysConfig, pixels: Tensor) -> torch.optim.Optimizer:
    if config.optimizer == "adam":
        return torch.optim.Adam([pixels], lr=config.lr)
    return torch.optim.LBFGS(
        [pixels],
        max_iter=1,
        max_eval=20,
        history_size=10,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )


def _sides(source: Picture, levels: int) -> list[tuple[int, int]]:
    """(height, width) of each level, the coarsest first; too small ones are left out."""
    found = []
    for level in reversed(range(levels)):
        scale = 2**-level
        height, width = (max(1, round(side * scale)) for side in (source.height, source.width))
        if level == 0 or max(height, width) >= _LEAST:
            found.append((max(16, height), max(16, width)))
    return found


def _start(config: GatysConfig, target: Tensor) -> Tensor:
    if config.start == "content":
        return target
    generator = torch.Generator().manual_seed(config.seed)
    noise = torch.rand(target.shape, generator=generator)
    return noise.to(target.device)


def _enlarged(image: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(image, size=(height, width), mode="bicubic", align_corners=False)


def _finished(image: Tensor, source: Picture, config: GatysConfig) -> Picture:
    """The result at the size of `source`, with the requested colours and strength."""
    painted = image.cpu().clamp(0, 1)
    if painted.shape[2:] != source.pixels.shape[:2]:
        painted = _enlarged(painted, source.height, source.width).clamp(0, 1)
    from params.painting import PaintSettings

    settings = PaintSettings(color=config.color)
    pixels = compose(source.pixels, [Layer(painted, config.alpha)], settings)
    return Picture(pixels, source.alpha, source.format)
