"""Crops that are cut on the device, here on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nst_core.networks.full import FullAdaIN
from nst_core.networks.slim import SlimAdaIN
from nst_core.networks.vgg import VggFeatures
from nst_core.training.adain.device_crops import DeviceCrops
from nst_core.training.adain.trainer import AdaINTrainer, Step
from nst_core.training.data import CropRecipe, DataError, image_paths
from params.training import AdaINTrainConfig

CONFIG = AdaINTrainConfig(
    max_steps=4, batch_size=2, image_size=32, style_size=32, lr_warmup=1, decay_steps=2, cache_mb=50
)


def colours(folder: Path, **sizes: tuple[int, int]) -> list[Path]:
    """Pictures of one colour each, by name."""
    folder.mkdir()
    paths = []
    for number, (name, size) in enumerate(sizes.items()):
        colour = (40 * number, 255 - 40 * number, 100)
        paths.append(folder / f"{name}.png")
        Image.new("RGB", size, colour).save(paths[-1])
    return paths


def test_pictures_become_squares_and_long_ones_two(tmp_path: Path) -> None:
    paths = colours(tmp_path / "photos", square=(50, 50), wide=(90, 40), tall=(30, 80))
    crops = DeviceCrops(paths, CropRecipe(size=16), seed=0, device="cpu", memory_mb=10)
    assert crops.squares.shape == (5, 3, 40, 40)
    assert crops.squares.dtype == torch.uint8
    assert crops.squares[:, 0, 0, 0].tolist() == [0, 40, 40, 80, 80]


def test_crops_depend_on_seed_and_step_alone(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    path = tmp_path / "photo.png"
    Image.fromarray(random.integers(0, 256, (60, 60, 3), np.uint8)).save(path)

    def batch(seed: int, step: int) -> torch.Tensor:
        crops = DeviceCrops([path], CropRecipe(size=16), seed=seed, device="cpu", memory_mb=10)
        return crops.batch(step, 3)

    first = batch(0, 7)
    assert first.shape == (3, 3, 16, 16)
    assert 0 <= first.min() < first.max() <= 1
    assert torch.equal(first, batch(0, 7))
    assert not torch.equal(first, batch(0, 8))
    assert not torch.equal(first, batch(1, 7))
    assert not torch.equal(first[0], first[1])


def test_a_crop_of_all_of_a_picture_is_the_picture(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 32).astype(np.uint8)
    path = tmp_path / "ramp.png"
    Image.fromarray(np.repeat(np.tile(ramp, (32, 1))[..., None], 3, 2)).save(path)
    recipe = CropRecipe(size=32, zoom=(1.0, 1.0))
    batch = DeviceCrops([path], recipe, seed=0, device="cpu", memory_mb=10).batch(0, 8)
    expected = torch.from_numpy(ramp).float() / 255
    rows = batch[:, 0, 16]
    mirrored = rows[:, 0] > rows[:, -1]
    assert 0 < mirrored.sum() < 8
    for row, turned in zip(rows, mirrored, strict=True):
        assert (row - (expected.flip(0) if turned else expected)).abs().max() < 0.01


def test_colours_are_permuted_at_the_given_rate(tmp_path: Path) -> None:
    (path,) = colours(tmp_path / "styles", one=(40, 40))
    for recolour, orders in ((0.0, 1), (1.0, 6)):
        recipe = CropRecipe(size=16, recolour=recolour)
        batch = DeviceCrops([path], recipe, seed=0, device="cpu", memory_mb=10).batch(0, 64)
        assert len({tuple(pixel.round(decimals=2).tolist()) for pixel in batch[:, :, 8, 8]}) == orders


def test_the_memory_limit_decides_the_side(tmp_path: Path) -> None:
    paths = colours(tmp_path / "photos", **{f"p{number}": (300, 300) for number in range(4)})
    recipe = CropRecipe(size=128)
    assert DeviceCrops(paths, recipe, seed=0, device="cpu", memory_mb=100).side == 320
    small = DeviceCrops(paths, recipe, seed=0, device="cpu", memory_mb=1)
    assert small.squares.nbytes <= 1_000_000


def test_a_picture_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken\.png can't be read"):
        DeviceCrops([path], CropRecipe(size=16), seed=0, device="cpu", memory_mb=10)


@pytest.mark.parametrize("kind", ["slim", "full"])
def test_a_training_on_the_device_goes_on_exactly(
    kind: str, folders: tuple[Path, Path], vgg: VggFeatures, tmp_path: Path
) -> None:
    content, style = (image_paths(folder) for folder in folders)

    def trainer() -> AdaINTrainer:
        torch.manual_seed(0)
        network = SlimAdaIN((8, 8, 8), blocks=1, code_width=8) if kind == "slim" else FullAdaIN(0.125)
        return AdaINTrainer(network, content, style, CONFIG, vgg=vgg, on_device=True, half=True)

    steps: list[Step] = []
    whole = trainer()
    expected = whole.run(steps.append)
    assert len(steps) == 4
    assert all(np.isfinite(list(step.losses.values())).all() for step in steps)
    first = trainer()
    first.run(until=2)
    first.save(tmp_path / "state")
    second = trainer()
    second.restore(tmp_path / "state")
    result = second.run()
    for name, value in expected.state_dict().items():
        assert torch.equal(result.state_dict()[name], value), name


def test_losses_in_bfloat16_are_those_in_single_precision(
    folders: tuple[Path, Path], vgg: VggFeatures
) -> None:
    content, style = (image_paths(folder) for folder in folders)
    torch.manual_seed(0)
    network = SlimAdaIN((8, 8, 8), blocks=1, code_width=8)
    half, single = (
        AdaINTrainer(network, content, style, CONFIG, vgg=vgg, on_device=True, half=half).losses(0)
        for half in (True, False)
    )
    for name, value in single.items():
        torch.testing.assert_close(half[name], value, rtol=0.05, atol=0.01)
