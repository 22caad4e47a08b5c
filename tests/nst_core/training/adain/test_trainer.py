from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nst_core.evaluation.quality import Judge
from nst_core.images.picture import Picture, to_pixels
from nst_core.networks.full import FullAdaIN
from nst_core.networks.slim import SlimAdaIN
from nst_core.networks.vgg import VggFeatures
from nst_core.training.adain.trainer import AdaINTrainer, Step
from nst_core.training.data import image_paths
from nst_core.training.errors import ConfigError
from params.training import AdaINTrainConfig

TINY = AdaINTrainConfig(
    max_steps=6, batch_size=2, image_size=32, style_size=32, lr_warmup=1, decay_steps=2, cache_mb=50
)


@pytest.fixture
def build(folders: tuple[Path, Path], vgg: VggFeatures):  # type: ignore[no-untyped-def]
    content, style = (image_paths(folder) for folder in folders)

    def make() -> AdaINTrainer:
        torch.manual_seed(0)
        network = SlimAdaIN((8, 8, 8), blocks=1, code_width=8)
        return AdaINTrainer(network, content, style, TINY, vgg=vgg)

    return make


def test_stopping_and_going_on_is_the_same_as_never_stopping(build, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    through: list[Step] = []
    whole = build()
    expected = whole.run(lambda step: through.append(step))
    first = build()
    first.run(until=3)
    first.save(tmp_path / "state")
    second = build()
    second.restore(tmp_path / "state")
    heard: list[Step] = []
    result = second.run(lambda step: heard.append(step))
    assert [step.step for step in heard] == [4, 5, 6]
    assert [step.losses for step in heard] == [step.losses for step in through[3:]]
    for name, value in expected.state_dict().items():
        assert torch.equal(result.state_dict()[name], value), name
    for name, value in whole.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], value), name


def test_a_step_trains_and_reports(build) -> None:  # type: ignore[no-untyped-def]
    trainer = build()
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    heard: list[Step] = []
    trainer.run(lambda step: heard.append(step) or len(heard) < 2)  # type: ignore[func-returns-value]
    assert len(heard) == trainer.step == 2
    assert heard[0].total == 6
    assert {"content", "style", "identity"} <= set(heard[0].losses)
    changed = [
        name
        for name, value in trainer.network.state_dict().items()
        if not torch.equal(value, before[name])
    ]
    assert len(changed) == len(before)


@pytest.fixture
def build_full(folders: tuple[Path, Path], vgg: VggFeatures):  # type: ignore[no-untyped-def]
    content, style = (image_paths(folder) for folder in folders)

    def make(steps: int, inversion_steps: int) -> AdaINTrainer:
        torch.manual_seed(0)
        config = TINY.model_copy(
            update={"max_steps": steps, "inversion_steps": inversion_steps, "decay_steps": 1}
        )
        return AdaINTrainer(FullAdaIN(), content, style, config, vgg=vgg)

    return make


def test_a_decoder_learns_to_undo_its_encoder_first(build_full, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    heard: list[Step] = []
    whole = build_full(14, 12)
    expected = whole.run(lambda step: heard.append(step))

    first, last = heard[0].losses, heard[11].losses
    assert last["content"] < first["content"]
    assert last["identity"] < first["identity"]
    assert [step.losses["style"] > 0 for step in heard] == [False] * 12 + [True] * 2

    # As of any training: stopped in its first part and resumed, it ends the same.
    stopped = build_full(14, 12)
    stopped.run(until=5)
    stopped.save(tmp_path / "state")
    again = build_full(14, 12)
    again.restore(tmp_path / "state")
    result = again.run()
    for name, value in expected.trained_state_dict().items():
        assert torch.equal(result.trained_state_dict()[name], value), name


def test_only_a_frozen_encoder_can_be_undone(folders: tuple[Path, Path]) -> None:
    content, style = (image_paths(folder) for folder in folders)
    config = TINY.model_copy(update={"inversion_steps": 2})
    for network in (SlimAdaIN((8, 8, 8), blocks=1, code_width=8), FullAdaIN(width=0.125)):
        with pytest.raises(ConfigError, match="inversion_steps"):
            AdaINTrainer(network, content, style, config)


def test_slim_is_trained_with_noise_and_full_without(
    folders: tuple[Path, Path], vgg: VggFeatures
) -> None:
    content, style = (image_paths(folder) for folder in folders)

    def trainer(network: SlimAdaIN | FullAdaIN, **settings: object) -> AdaINTrainer:
        config = TINY.model_copy(update=settings)
        return AdaINTrainer(network, content, style, config, vgg=vgg)

    torch.manual_seed(0)
    slim = SlimAdaIN((8, 8, 8), blocks=1, code_width=8)
    noisy, plain = trainer(slim), trainer(slim, noise=(0.0, 0.0))
    assert (noisy.result().noise, plain.result().noise) == (0.06, 0.0)
    assert trainer(FullAdaIN(0.125)).result().noise == 0
    assert trainer(slim, noise=(0.02, 0.1)).result().noise == 0.1
    # Not all weights of a new network matter: its output does not depend on the picture yet.
    for parameter in slim.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    assert noisy.losses(0)["style"] != plain.losses(0)["style"]


def test_losses_are_the_distances_of_the_evaluation(
    folders: tuple[Path, Path], vgg: VggFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Content, style and Gram distance of one picture, as `Judge` measures them."""
    content, style = (image_paths(folder) for folder in folders)
    config = TINY.model_copy(update={"batch_size": 1, "blended": 0.0, "noise": (0.0, 0.0)})
    torch.manual_seed(0)
    network = SlimAdaIN((8, 8, 8), blocks=1, code_width=8)
    trainer = AdaINTrainer(network, content, style, config, vgg=vgg, half=False)
    photo, painting = torch.rand(2, 1, 3, 32, 32).mul(255).round().div(255)
    output = torch.rand(1, 3, 32, 32).mul(255).round().div(255)
    monkeypatch.setattr(trainer, "_pictures", lambda step: (photo, painting, torch.ones(1)))
    monkeypatch.setattr(network, "decode", lambda features, own, target: output)
    losses = trainer.losses(0)

    judge = Judge(style_size=32)
    picture, target, of_content = (Picture(to_pixels(each)) for each in (output, painting, photo))
    figures = judge.figures(
        picture, judge.content_target(of_content, 32, 32), judge.style_target(target)
    )
    for name in ("content", "style", "gram"):
        assert float(losses[name]) == pytest.approx(getattr(figures, name), rel=0.01), name
