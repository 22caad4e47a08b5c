"""Trainer of AdaIN networks under the VGG-16 loss (Huang & Belongie 2017, section 6).

Differences from the paper, each measured to help a small network on a small budget:

* all losses are relative to the energy of their targets, so that no style and no layer dominates;
* Gram matrices are matched beside means and deviations, which adds strokes;
* the content loss compares instance-normalised features: it keeps structure and leaves colour free;
* some samples of each batch are trained at a random alpha, against statistics blended in the same way,
  and some reconstruct their content, so that values of alpha between 0 and 1 work.

The losses are the distances of `nst_core/evaluation/quality.py`: the loss network is padded by
reflection, and Gram matrices go down to relu4_3. Photographs of slim get noise, as in renders.

The loop does not depend on its caller: it calls `on_step` with a `Step`, which may end the training.

On a graphics card the pictures stay on the card and crops are cut there. On a CPU the crops of each
picture are few and fixed, and the features of targets are kept. The loss network computes in bfloat16
where that is faster.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from imaging.atomic_write import atomic_write
from nst_core.losses.bfloat16 import has_bfloat16
from nst_core.losses.losses import (
    ADAIN_STYLE_LAYERS,
    CONTENT_LAYER,
    GRAM_LAYERS,
    Moments,
    gram_distance,
    gram_matrix,
    instance_normalized,
    moment_distance,
    moments,
    out_of_range,
    structure_distance,
)
from nst_core.networks.full import FullAdaIN
from nst_core.networks.registry import StyleNetwork
from nst_core.networks.slim import SlimAdaIN
from nst_core.networks.vgg import VggFeatures, load_vgg
from nst_core.training.adain.device_crops import DeviceCrops
from nst_core.training.adain.inversion import Inversion, weighted
from nst_core.training.adain.noise_crops import NoiseCrops
from nst_core.training.averaging import WeightAverage
from nst_core.training.data import CropRecipe, Crops, FeatureCache
from nst_core.training.errors import ConfigError

if TYPE_CHECKING:
    from params.training import AdaINTrainConfig


#: Deviations of the noise that networks are trained with by default; others are trained without.
_NOISE: dict[type[StyleNetwork], tuple[float, float]] = {SlimAdaIN: (0.0, 0.06)}
#: Layers of the loss network.
LOSS_LAYERS = tuple(dict.fromkeys((*ADAIN_STYLE_LAYERS, *GRAM_LAYERS)))


@dataclass(frozen=True, kw_only=True)
class Step:
    """Report of one step. Losses are unweighted means over the batch."""

    step: int
    total: int
    losses: dict[str, float]
    images_per_second: float
    learning_rate: float


@dataclass
class AdaINTrainer:
    """Trains `network` on the pictures `content` and `style`. Raises `ConfigError` and `DataError`.

    `on_device` keeps the pictures on the device; by default on CUDA only. `half` computes the loss
    network in bfloat16; by default where that is faster. `vgg` has the layers of `LOSS_LAYERS`.
    """

    network: StyleNetwork
    content: Sequence[Path]
    style: Sequence[Path]
    config: AdaINTrainConfig
    device: str = "cpu"
    vgg: VggFeatures | None = None
    on_device: bool | None = None
    half: bool | None = None

    def __post_init__(self) -> None:
        config = self.config
        device_type = torch.device(self.device).type
        cuda = device_type == "cuda"
        if self.on_device is None:
            self.on_device = cuda
        if self.half is None:
            self.half = has_bfloat16(device_type)
        self.step = 0
        self.network.to(self.device).train()
        self.parameters = [p for p in self.network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=config.lr, weight_decay=config.weight_decay, fused=cuda
        )
        self.average = WeightAverage(self.network, config.average)
        vgg = self.vgg or load_vgg(LOSS_LAYERS, reflect=True)
        self._features = vgg.to(self.device)
        self._features.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        recipes = (
            CropRecipe(size=config.image_size, zoom=config.content_zoom),
            CropRecipe(size=config.style_size, zoom=config.style_zoom, recolour=config.recolour),
        )
        self._contents = Crops(
            self.content, recipes[0], variants=config.content_variants, seed=config.seed
        )
        self._styles = Crops(
            self.style, recipes[1], variants=config.style_variants, seed=config.seed + 1
        )
        self._device_crops: list[DeviceCrops] = []
        if self.on_device:
            memory = config.cache_mb // 2
            self._device_crops = [
                DeviceCrops(paths, recipe, seed=seed, device=self.device, memory_mb=memory)
                for paths, recipe, seed in (
                    (self.content, recipes[0], config.seed),
                    (self.style, recipes[1], config.seed + 1),
                )
            ]
        #: Range of the deviation of the noise in photographs; texture 1 of renders is its end.
        self.deviation = config.noise or _NOISE.get(type(self.network), (0.0, 0.0))
        self._noise: NoiseCrops | None = None
        if self.deviation[1]:
            self._noise = NoiseCrops(
                config.image_size, self.deviation, seed=config.seed, device=self.device
            )
        self._inversion: Inversion | None = None
        if config.inversion_steps:
            if not isinstance(self.network, FullAdaIN):
                raise ConfigError("inversion_steps are for the network full.")
            self._inversion = Inversion(self.network)
        # One third of the cache is for content features in half precision, the rest for Gram matrices.
        megabyte = 1_000_000 // 3
        structure_bytes = 2 * 512 * (config.image_size // 8) ** 2
        self._content_targets = FeatureCache(
            self._content_target, limit=config.cache_mb * megabyte // structure_bytes
        )
        gram_bytes = 4 * sum(width**2 for width in (64, 128, 256, 512))
        self._style_targets = FeatureCache(
            self._style_target, limit=2 * config.cache_mb * megabyte // gram_bytes, half=False
        )

    def _half_precision(self) -> AbstractContextManager[Any]:
        """Autocast to bfloat16 if `half`."""
        if not self.half:
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, torch.bfloat16)

    def _seen(self, image: Tensor) -> dict[str, Tensor]:
        """Features of the loss network."""
        with self._half_precision():
            features: dict[str, Tensor] = self._features(_nhwc(image))
        return features

    @torch.no_grad()
    def _content_target(self, crops: Tensor) -> tuple[Tensor, ...]:
        features = self._seen(crops)
        return instance_normalized(features[CONTENT_LAYER].float()), *_flat_moments(features)

    @torch.no_grad()
    def _style_target(self, crops: Tensor) -> tuple[Tensor, ...]:
        features = self._seen(crops)
        return *_flat_moments(features), *_grams(features).values()

    def _batch(self, step: int) -> tuple[list[int], list[int], Tensor]:
        """Crop numbers and alphas of a step, which depend only on the seed and the step."""
        random = np.random.default_rng((self.config.seed, step))
        size = self.config.batch_size
        contents = random.integers(0, len(self._contents), size).tolist()
        styles = random.integers(0, len(self._styles), size).tolist()
        blended = random.random(size) < self.config.blended
        alpha = np.where(blended, random.random(size), 1.0)
        return contents, styles, torch.tensor(alpha, dtype=torch.float32, device=self.device)

    def _pretraining_losses(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted loss of a pretraining step, and its terms under the names that all steps use."""
        assert self._inversion is not None  # noqa: S101 - see `_advance`
        content, style, _ = self._pictures(step)
        side = self.config.image_size
        # Paintings too, since they have colours that photographs lack.
        pictures = (
            torch.cat([content, style[:, :, :side, :side]]) if style.shape[-1] >= side else content
        )
        losses = self._inversion.losses(pictures)
        zero = losses["levels"].new_zeros(())
        terms = {"content": losses["levels"], "style": zero, "gram": zero, "range": zero}
        return weighted(losses), {**terms, "identity": losses["identity"]}

    def _pictures(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Contents and styles of a step, (B, 3, S, S) each, and its alphas (B,)."""
        content_keys, style_keys, alpha = self._batch(step)
        if self._device_crops:
            content, style = (crops.batch(step, len(alpha)) for crops in self._device_crops)
            return content, style, alpha
        content = torch.stack([self._contents[key] for key in content_keys]).to(self.device)
        style = torch.stack([self._styles[key] for key in style_keys]).to(self.device)
        return content, style, alpha

    def _targets(self, step: int, content: Tensor, style: Tensor) -> tuple[Sequence[Tensor], ...]:
        """What outputs are compared with, of contents and of styles."""
        if self._device_crops:
            return self._content_target(content), self._style_target(style)
        content_keys, style_keys, _ = self._batch(step)
        return (
            self._content_targets(content_keys, content),
            self._style_targets(style_keys, style),
        )

    def losses(self, step: int) -> dict[str, Tensor]:
        """Unweighted losses of a step's batch, with gradients."""
        content, style, alpha = self._pictures(step)
        (structure, *content_flat), style_flat = self._targets(step, content, style)
        grams = dict(zip(GRAM_LAYERS, style_flat[2 * len(ADAIN_STYLE_LAYERS) :], strict=True))
        blend = alpha[:, None]
        target = _moments_by_layer(
            [
                torch.lerp(of_content, of_style, blend)
                for of_content, of_style in zip(content_flat, style_flat, strict=False)
            ]
        )

        network = self.network
        noisy = content if self._noise is None else content + self._noise.batch(step, len(content))
        # Slim is too small to gain from half precision.
        with self._half_precision() if isinstance(network, FullAdaIN) else nullcontext():
            features = network.encode(noisy)
            own = network.statistics(features)
            blended = torch.lerp(own, network.statistics(network.encode(style)), blend)
            output = network.decode(features, own, blended).float()
            count = max(1, len(content) // 4)
            first = tuple(level[:count] for level in features)
            reconstruction = network.decode(first, own[:count], own[:count]).float()
        output_features = self._seen(output)
        return {
            "content": structure_distance(output_features[CONTENT_LAYER].float(), structure).mean(),
            "style": moment_distance(_style_moments(output_features), target).mean(),
            # Gram matrices can't be blended like moments, so only samples at alpha 1 are compared.
            "gram": (gram_distance(_grams(output_features), grams) * (alpha == 1)).mean(),
            "identity": functional.l1_loss(reconstruction, content[:count]),
            "range": out_of_range(output),
        }

    def run(
        self, on_step: Callable[[Step], bool | None] = lambda step: None, *, until: int | None = None
    ) -> StyleNetwork:
        """Train to the last step, to step `until`, or until `on_step` returns False.

        Returns the network with averaged weights.
        """
        end = min(until or self.config.max_steps, self.config.max_steps)
        while self.step < end:
            report = self._advance()
            if on_step(report) is False:
                break
        return self.result()

    def _advance(self) -> Step:
        config, started = self.config, time.perf_counter()
        rate = config.lr * _learning_rate_factor(self.step, config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if self.step < config.inversion_steps:
            total, losses = self._pretraining_losses(self.step)
        else:
            losses = self.losses(self.step)
            total = (
                config.content_weight * losses["content"]
                + config.style_weight * losses["style"]
                + config.gram_weight * losses["gram"]
                + config.identity_weight * losses["identity"]
                + 10 * losses["range"]
            )
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, config.clip)
        self.optimizer.step()
        self.step += 1
        self.average.update(self.network, self.step)
        # One transfer for all values, since each transfer waits for the GPU.
        values = torch.stack([value.detach().float() for value in losses.values()]).tolist()
        return Step(
            step=self.step,
            total=config.max_steps,
            losses=dict(zip(losses, values, strict=True)),
            images_per_second=config.batch_size / (time.perf_counter() - started),
            learning_rate=rate,
        )

    def result(self) -> StyleNetwork:
        """Copy of the network with the averaged weights, in evaluation mode."""
        network = type(self.network)(**self.network.settings)
        network.load_state_dict(self.average.state_dict())
        network.noise = self.deviation[1]
        return network.eval()

    def state(self) -> dict[str, Any]:
        """Everything needed to resume from this step."""
        return {
            "step": self.step,
            "config": self.config.model_dump_json(),
            "architecture": self.network.architecture,
            "settings": json.dumps(self.network.settings),
            "network": self.network.state_dict(),
            "averaged": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Resume from `state`; the crops depend on the step number, so their order continues."""
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])

    def save(self, path: str | Path) -> None:
        """Write `state` to a file atomically."""
        with atomic_write(Path(path), durable=True) as file:
            torch.save(self.state(), file)

    def restore(self, path: str | Path) -> None:
        """Resume from a file of `save`."""
        self.load_state(torch.load(path, map_location=self.device, weights_only=True))


def _learning_rate_factor(step: int, config: AdaINTrainConfig) -> float:
    """Factor on the learning rate: linear warm-up, plateau, then linear decay to 0.01."""
    warm = min(1.0, (step + 1) / max(1, config.lr_warmup))
    left = (config.max_steps - step) / max(1, min(config.decay_steps, config.max_steps))
    return warm * max(0.01, min(1.0, left))


def _grams(features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: gram_matrix(features[name]) for name in GRAM_LAYERS}


def _style_moments(features: Mapping[str, Tensor]) -> Moments:
    return moments({name: features[name] for name in ADAIN_STYLE_LAYERS})


def _flat_moments(features: Mapping[str, Tensor]) -> list[Tensor]:
    return [part for pair in _style_moments(features).values() for part in pair]


def _moments_by_layer(flat: Sequence[Tensor]) -> Moments:
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return dict(zip(ADAIN_STYLE_LAYERS, pairs, strict=True))


def _nhwc(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
