"""Settings of an AdaIN training; imports no PyTorch, so that command lines load quickly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AdaINTrainConfig:
    """Settings of one training. Sizes in pixels; `steps` counts optimiser steps."""

    steps: int = 20_000
    inversion_steps: int = 0
    batch_size: int = 8
    content_size: int = 128
    style_size: int = 160
    content_zoom: tuple[float, float] = (0.4, 0.9)
    style_zoom: tuple[float, float] = (0.4, 1.0)
    recolour: float = 0.15
    content_variants: int = 2
    style_variants: int = 2
    content_weight: float = 1.0
    style_weight: float = 30.0
    gram_weight: float = 5.0
    identity_weight: float = 1.0
    blended: float = 0.2
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-4
    warmup_steps: int = 100
    decay_steps: int = 4_000
    average: float = 0.999
    clip: float = 1.0
    seed: int = 0
    cache_mb: int = 6_000


#: What each setting means, for a command line's help.
EXPLAINED = {
    "steps": "Optimiser steps in all.",
    "inversion_steps": "The first of them, in which full's decoder learns to undo VGG: about 1,000.",
    "batch_size": "Pictures a step.",
    "content_size": "Pixels of a content crop's side; a multiple of 8.",
    "style_size": "Pixels of a style crop's side; a multiple of 8.",
    "content_zoom": "Range of a crop's side as a share of the content's short side.",
    "style_zoom": "Range of a crop's side as a share of the style's short side.",
    "recolour": "Chance that a style's colour channels are permuted.",
    "content_variants": "Fixed crops of each content.",
    "style_variants": "Fixed crops of each style.",
    "content_weight": "Weight of the structure loss.",
    "style_weight": "Weight of the loss on means and deviations.",
    "gram_weight": "Weight of the loss on Gram matrices.",
    "identity_weight": "Weight of giving a content back in its own style.",
    "blended": "Share of a batch trained at a random strength.",
    "learning_rate": "AdamW's at its height.",
    "weight_decay": "AdamW's.",
    "warmup_steps": "Steps until the learning rate is at its height.",
    "decay_steps": "Steps at the end over which it falls.",
    "average": "How slowly the saved weights follow the trained ones.",
    "clip": "Longest gradient.",
    "seed": "Of the first weights and of every crop.",
    "cache_mb": "Memory for what the loss network says of the crops.",
}
