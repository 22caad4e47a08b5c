"""Training of the base network that trainings of one style start from.

Run as `python -m nst_core.training.johnson.base_network`.

One `JohnsonNetwork` learns many styles at once: convolutions are shared, each style has its own scale
and shift in every instance normalisation (Dumoulin et al., "A Learned Representation for Artistic
Style", ICLR 2017). It begins by painting what a network for any style paints, pixel by pixel, which is
learnt far sooner than from the loss network's gradients; then the loss network takes over. What is
published has the mean of those scales and shifts: no style of its own, and convolutions from which any
style is near.
"""

from __future__ import annotations

import argparse
import math
import os
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
    """Sizes in pixels. The first `taught_steps` of the `steps` follow the teacher, at `taught_size`."""

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
        self._judge = LossNetwork.load()
        self._teacher = StyleEngine(config.teacher, "torch", "cpu")
        pictures = [style_picture(read_picture(path), config.style_size) for path in self.styles]
        self._grams = [self._judge.grams(to_tensor(picture.pixels)) for picture in pictures]
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
        """One step: every picture of the batch in a style drawn for it."""
        config = self.config
        taught = self.step < config.taught_steps
        if self.step == config.taught_steps:
            # What Adam knows of the teacher's small gradients would make giant steps of the judge's.
            self.optimizer = self._fresh_optimizer()
        random = np.random.default_rng((config.seed, self.step))
        crops = self._crops[config.taught_size if taught else config.size]
        count = config.taught_batch if taught else config.batch_size
        keys = random.integers(0, len(crops), count).tolist()
        drawn = random.choice(len(self.styles), count, replace=count > len(self.styles)).tolist()
        content = torch.stack([crops[key] for key in keys])
        output = torch.cat(
            [self.painted(content[place : place + 1], style) for place, style in enumerate(drawn)]
        )
        losses = (
            self._taught(output, content, drawn) if taught else self._judged(output, content, drawn)
        )
        total = losses.pop("total")
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate() * group["share"]
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        if not taught:
            nn.utils.clip_grad_norm_([*self._shared, *self.tables.parameters()], config.clip)
        self.optimizer.step()
        self.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    def _taught(self, output: Tensor, content: Tensor, drawn: list[int]) -> dict[str, Tensor]:
        painted = []
        for picture, style in zip(content, drawn, strict=True):
            pixels = to_pixels(picture[None])
            taught = self._teacher.stylize(Picture(pixels), self._statistics[style], alpha=1.0)
            painted.append(to_tensor(taught.pixels))
        target = torch.cat(painted)
        loss = (output - target).abs().mean()
        # Differences of neighbours too, or edges would come last.
        across = (output.diff(dim=3) - target.diff(dim=3)).abs().mean()
        down = (output.diff(dim=2) - target.diff(dim=2)).abs().mean()
        return {"pixels": loss, "edges": across + down, "total": loss + across + down}

    def _judged(self, output: Tensor, content: Tensor, drawn: list[int]) -> dict[str, Tensor]:
        seen = self._judge(output)
        grams = {
            name: torch.cat([self._grams[style][name] for style in drawn]) for name in self._grams[0]
        }
        held = content_distance(seen[CONTENT_LAYER], self._judge.content(content), relative=True)
        painted = style_distance(seen, grams, relative=True)
        varied = total_variation(output)
        config = self.config
        total = held + config.style_weight * painted + config.tv_weight * varied
        return {"content": held, "style": painted, "tv": varied, "total": total}

    def painted(self, content: Tensor, style: int) -> Tensor:
        """`content` in the style of that number."""
        own = {name: self.tables[name.replace(".", "/")][style] for name in self._affine}
        out: Tensor = functional_call(self.network, own, (content,))
        return out

    def _rate(self) -> float:
        config = self.config
        taught = self.step < config.taught_steps
        first, last = (0, config.taught_steps) if taught else (config.taught_steps, config.steps)
        warm = min(1.0, (self.step - first + 1) / config.warmup_steps)
        fall = 0.05 + 0.95 * math.cos(math.pi / 2 * (self.step - first) / max(1, last - first))
        return (config.taught_rate if taught else config.learning_rate) * warm * fall

    @torch.no_grad()
    def result(self) -> JohnsonNetwork:
        """The shared convolutions with the mean scales and shifts."""
        network = JohnsonNetwork()
        mean = {name: self.tables[name.replace(".", "/")].mean(0) for name in self._affine}
        network.load_state_dict({**self.network.state_dict(), **mean})
        return network.eval()

    def save(self, path: Path) -> None:
        """Everything needed to go on from here; whole or not at all."""
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "tables": self.tables.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        torch.save(state, temporary)
        temporary.replace(path)

    def restore(self, path: Path) -> None:
        """Go on from a file of `save`, made with the same pictures and settings."""
        state = torch.load(path, weights_only=True)
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.tables.load_state_dict(state["tables"])
        self.optimizer.load_state_dict(state["optimizer"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Train a base network, or go on with one, and write it; a line of figures every 25 steps."""
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
    seen: dict[str, float] = defaultdict(float)
    while trainer.step < config.steps:
        for name, value in trainer.advance().items():
            seen[name] += value / 25
        if trainer.step % 25 == 0 or trainer.step == config.steps:
            figures = "  ".join(f"{name} {value:.4f}" for name, value in seen.items())
            pace = (time.monotonic() - started) / 25
            sys.stderr.write(f"{trainer.step}/{config.steps}  {figures}  {pace:.2f} s a step\n")
            started = time.monotonic()
            seen.clear()
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
