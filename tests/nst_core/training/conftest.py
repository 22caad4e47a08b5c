from __future__ import annotations

import pytest

from nst_core.losses.perceptual import LossNetwork
from nst_core.networks.vgg import VggFeatures, load_vgg
from nst_core.training.adain.trainer import LOSS_LAYERS
from params.training import JohnsonTrainConfig


@pytest.fixture(scope="session")
def loss_network() -> LossNetwork:
    """The loss network of trainings of one style, loaded once."""
    config = JohnsonTrainConfig()
    return LossNetwork.load("vgg16", config.style_layers, content_layer=config.content_layer)


@pytest.fixture(scope="session")
def vgg() -> VggFeatures:
    """The loss network of AdaIN trainings, loaded once."""
    return load_vgg(LOSS_LAYERS, reflect=True)
