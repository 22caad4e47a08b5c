"""Speed of a training step relative to a plain loop of the reference recipe in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from bench.networks.render import photograph
from nst_core.losses.losses import GRAM_LAYERS, gram_matrix
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.networks.vgg import VggFeatures, load_vgg
from nst_core.training.johnson.trainer import JohnsonTrainer
from params.training import JohnsonTrainConfig


@dataclass(frozen=True, kw_only=True)
class Result:
    """Medians over rounds; `ratio` is the median of each round's own."""

    image_size: int
    batch_size: int
    rounds: int
    device: str
    images_per_second: float
    plain_images_per_second: float
    ratio: float


def measure(
    image_size: int, batch_size: int, *, rounds: int = 5, use_amp: bool = False, device: str = "auto"
) -> Result:
    """Time steps of both in turns; the first step of each is not counted."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(batch_size):
            shift = photograph(image_size + 16 * number, image_size + 40)
            Image.fromarray(shift.pixels).save(folder / f"{number}.png")
        photos = sorted(folder.glob("*.png"))
        config = JohnsonTrainConfig(
            image_size=image_size, batch_size=batch_size, warm_start=False, use_amp=use_amp
        )
        trainer = JohnsonTrainer(config, photos, photos[0], folder / "run", device=device)
        plain = _Plain(photos, image_size, batch_size, trainer.device)

        def product(step: int) -> None:
            losses, _ = trainer.losses(trainer.crops[step])
            trainer.state.optimizer_step(losses.total)
            float(losses.total.detach())

        times = [(_timed(plain.step, step), _timed(product, step)) for step in range(rounds + 1)][1:]
    return Result(
        image_size=image_size,
        batch_size=batch_size,
        rounds=rounds,
        device=trainer.device,
        images_per_second=round(batch_size / median(own for _, own in times), 3),
        plain_images_per_second=round(batch_size / median(reference for reference, _ in times), 3),
        ratio=round(median(reference / own for reference, own in times), 2),
    )


def _timed(step: Callable[[int], None], number: int) -> float:
    started = time.perf_counter()
    step(number)
    return time.perf_counter() - started


class _Plain:
    """The reference recipe as one plain loop.

    Default memory order, the content through the whole loss network, photos decoded at every step.
    """

    def __init__(self, photos: list[Path], size: int, batch: int, device: str) -> None:
        self._photos, self._size, self._batch, self._device = photos, size, batch, device
        self._network = JohnsonNetwork().to(device)
        self._vgg: VggFeatures = load_vgg(GRAM_LAYERS).to(device)
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=1e-3)
        with torch.no_grad():
            style = self._read(photos[0])[None].expand(batch, -1, -1, -1).to(device)
            self._grams = {name: gram_matrix(value) for name, value in self._vgg(style).items()}

    def _read(self, path: Path) -> Tensor:
        import numpy as np

        with Image.open(path) as image:
            resized = image.convert("RGB").resize((self._size, self._size))
        return torch.from_numpy(np.array(resized)).permute(2, 0, 1).float() / 255

    def step(self, number: int) -> None:
        """One step over the photographs in order."""
        first = number * self._batch
        chosen = [self._photos[(first + i) % len(self._photos)] for i in range(self._batch)]
        content = torch.stack([self._read(path) for path in chosen]).to(self._device)
        self._optimizer.zero_grad()
        output = self._network(content)
        seen, held = self._vgg(output), self._vgg(content)
        loss = functional.mse_loss(seen["relu2_2"], held["relu2_2"])
        for name, target in self._grams.items():
            loss = loss + 1e6 * functional.mse_loss(gram_matrix(seen[name]), target)
        across = (output[:, :, :, 1:] - output[:, :, :, :-1]).abs().sum()
        loss = loss + 1e-6 * (across + (output[:, :, 1:] - output[:, :, :-1]).abs().sum())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 10)
        self._optimizer.step()
        float(loss.detach())
