"""Training of the base network from which trainings of one style start (multi-style pretraining).

Run as `python -m nst_core.training.johnson.base_network`.

One `JohnsonNetwork` learns many styles at once: convolutions are shared, each style has its own scale
and shift in every instance normalisation (Dumoulin et al., "A Learned Representation for Artistic
Style", ICLR 2017). The first steps distil an arbitrary-style network pixel by pixel, which is learnt
much faster than the perceptual loss; the other steps minimise the perceptual loss. The saved network
has the mean of the scales and shifts, so it has no style of its own and learns any style quickly.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from imaging.atomic_write import atomic_write
from nst_core.images.picture import Picture, read_picture, to_pixels, to_tensor
from nst_core.losses.losses import total_variation
from nst_core.losses.perceptual import CONTENT_LAYER, LossNetwork, content_distance, style_distance
from nst_core.networks.files import save_network
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.stylize.style_engine import StyleEngine
from nst_core.training.data import CropRecipe, Crops, image_paths
from nst_core.training.johnson.style import style_picture


@dataclass(frozen=True, kw_only=True)
class BaseConfig:
    """Settings, sizes in pixels. The first `taught_steps` steps distil the teacher at `taught_size`."""

    steps: int = 1_500
    taught_steps: int = 700
    taught_batch: int = 6
    taught_size: int = 80
    teacher: str = "slim"
    batch_size: int = 4
    size: int = 96
    style_size: int = 256
    style_weight: float = 12.0
    tv_weight: float = 1.0
    taught_rate: float = 1e-3
    learning_rate: float = 6e-4
    affine_rate: float = 3.0
    warmup_steps: int = 30
    clip: float = 1.0
    seed: int = 0


class BaseTrainer:
    """Trains the shared convolutions and one set of scales and shifts for each of `styles`."""

    def __init__(self, contents: Sequence[Path], styles: Sequence[Path], config: BaseConfig) -> None:
        self.config = config
        self.step = 0
        self.styles = list(styles)
        torch.manual_seed(config.seed)
        self.network = JohnsonNetwork()
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._affine = [name for name, _ in self.network.named_parameters() if ".norm." in name]
        for residual in self.network.residuals:
            nn.init.zeros_(residual.second.norm.weight)  # type: ignore[arg-type, union-attr]
        own = dict(self.network.named_parameters())
        self.tables = nn.ParameterDict(
            {
                name.replace(".", "/"): own[name].detach().repeat(len(self.styles), 1)
                for name in self._affine
            }
        )
        self._shared = [own[name] for name in own if name not in self._affine]
        self.optimizer = self._fresh_optimizer()
        self._loss_network = LossNetwork.load()
        self._teacher = StyleEngine(config.teacher, "torch", "cpu")
        pictures = [style_picture(read_picture(path), config.style_size) for path in self.styles]
        self._grams = [self._loss_network.grams(to_tensor(picture.pixels)) for picture in pictures]
        self._statistics = [
            self._teacher.style_statistics(picture, config.style_size) for picture in pictures
        ]
        self._crops = {
            size: Crops(contents, CropRecipe(size=size, zoom=(0.5, 1.0)), variants=64, seed=config.seed)
            for size in (config.taught_size, config.size)
        }

    def _fresh_optimizer(self) -> torch.optim.Adam:
        groups = [
            {"params": self._shared, "share": 1.0},
            {"params": list(self.tables.parameters()), "share": self.config.affine_rate},
        ]
        return torch.optim.Adam(groups)

    def advance(self) -> dict[str, float]:
        """Do one step, with a random style for each picture of the batch; returns the losses."""
        config = self.config
        distilling = self.step < config.taught_steps
        if self.step == config.taught_steps:
            # Adam's statistics of the small distillation gradients would make the first steps on the
            # perceptual loss far too large.
            self.optimizer = self._fresh_optimizer()
        random = np.random.default_rng((config.seed, self.step))
        crops = self._crops[config.taught_size if distilling else config.size]
        count = config.taught_batch if distilling else config.batch_size
        keys = random.integers(0, len(crops), count).tolist()
        drawn = random.choice(len(self.styles), count, replace=count > len(self.styles)).tolist()
        content = torch.stack([crops[key] for key in keys])
        output = torch.cat(
            [self.render(content[index : index + 1], style) for index, style in enumerate(drawn)]
        )
        losses_of = self._distillation_losses if distilling else self._perceptual_losses
        losses = losses_of(output, content, drawn)
        total = losses.pop("total")
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate() * group["share"]
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        if not distilling:
            nn.utils.clip_grad_norm_([*self._shared, *self.tables.parameters()], config.clip)
        self.optimizer.step()
        self.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    def _distillation_losses(
        self, output: Tensor, content: Tensor, drawn: list[int]
    ) -> dict[str, Tensor]:
        rendered = []
        for picture, style in zip(content, drawn, strict=True):
            pixels = to_pixels(picture[None])
            reference = self._teacher.stylize(Picture(pixels), self._statistics[style], alpha=1.0)
            rendered.append(to_tensor(reference.pixels))
        target = torch.cat(rendered)
        loss = (output - target).abs().mean()
        # Differences of neighbouring pixels too, or edges would be learnt last.
        across = (output.diff(dim=3) - target.diff(dim=3)).abs().mean()
        down = (output.diff(dim=2) - target.diff(dim=2)).abs().mean()
        return {"pixels": loss, "edges": across + down, "total": loss + across + down}

    def _perceptual_losses(
        self, output: Tensor, content: Tensor, drawn: list[int]
    ) -> dict[str, Tensor]:
        features = self._loss_network(output)
        grams = {
            name: torch.cat([self._grams[style][name] for style in drawn]) for name in self._grams[0]
        }
        target = self._loss_network.content(content)
        content_loss = content_distance(features[CONTENT_LAYER], target, relative=True)
        style_loss = style_distance(features, grams, relative=True)
        variation = total_variation(output)
        config = self.config
        total = content_loss + config.style_weight * style_loss + config.tv_weight * variation
        return {"content": content_loss, "style": style_loss, "tv": variation, "total": total}

    def render(self, content: Tensor, style: int) -> Tensor:
        """Render `content` (B, 3, H, W) in the style of number `style`."""
        own = {name: self.tables[name.replace(".", "/")][style] for name in self._affine}
        out: Tensor = functional_call(self.network, own, (content,))
        return out

    def _rate(self) -> float:
        config = self.config
        distilling = self.step < config.taught_steps
        first, last = (0, config.taught_steps) if distilling else (config.taught_steps, config.steps)
        warm = min(1.0, (self.step - first + 1) / config.warmup_steps)
        fall = 0.05 + 0.95 * math.cos(math.pi / 2 * (self.step - first) / max(1, last - first))
        return (config.taught_rate if distilling else config.learning_rate) * warm * fall

    @torch.no_grad()
    def result(self) -> JohnsonNetwork:
        """A network of the shared convolutions with the mean scales and shifts."""
        network = JohnsonNetwork()
        mean = {name: self.tables[name.replace(".", "/")].mean(0) for name in self._affine}
        network.load_state_dict({**self.network.state_dict(), **mean})
        return network.eval()

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically."""
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "tables": self.tables.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with atomic_write(path) as file:
            torch.save(state, file)

    def restore(self, path: Path) -> None:
        """Resume from a file of `save`, made with the same pictures and settings."""
        state = torch.load(path, weights_only=True)
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.tables.load_state_dict(state["tables"])
        self.optimizer.load_state_dict(state["optimizer"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Train or resume a base network and write it; prints the losses every 25 steps."""
    parser = argparse.ArgumentParser(
        prog="python -m nst_core.training.johnson.base_network", description=main.__doc__
    )
    parser.add_argument("content", type=Path, help="folder of photographs")
    parser.add_argument("styles", type=Path, nargs="+", help="style pictures, or folders of them")
    parser.add_argument("--out", type=Path, required=True, help="the network (.safetensors)")
    parser.add_argument("--steps", type=int, default=BaseConfig.steps)
    parser.add_argument("--taught-steps", type=int, default=BaseConfig.taught_steps)
    given = parser.parse_args(arguments)
    styles = [
        path for each in given.styles for path in (image_paths(each) if each.is_dir() else [each])
    ]
    config = BaseConfig(steps=given.steps, taught_steps=given.taught_steps)
    trainer = BaseTrainer(image_paths(given.content), styles, config)
    state = given.out.with_suffix(".state")
    if state.exists():
        trainer.restore(state)
    started = time.monotonic()
    sums: dict[str, float] = defaultdict(float)
    while trainer.step < config.steps:
        for name, value in trainer.advance().items():
            sums[name] += value / 25
        if trainer.step % 25 == 0 or trainer.step == config.steps:
            losses = "  ".join(f"{name} {value:.4f}" for name, value in sums.items())
            pace = (time.monotonic() - started) / 25
            sys.stderr.write(f"{trainer.step}/{config.steps}  {losses}  {pace:.2f} s per step\n")
            started = time.monotonic()
            sums.clear()
        if trainer.step % 100 == 0 or trainer.step == config.steps:
            trainer.save(state)
            save_network(
                trainer.result(),
                given.out,
                half=True,
                training={"styles": len(styles), **asdict(config)},
                steps=trainer.step,
            )


if __name__ == "__main__":
    main()
