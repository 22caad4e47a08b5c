from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nst_core.images.picture import laid_on_white, read_picture
from nst_core.training.data import CropRecipe, Crops, DataError, FeatureCache, held_out, image_paths
from nst_core.training.photo_crops import PhotoCrops


def test_folders(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (folders[0] / "notes.txt").write_text("no picture")
    assert [path.name for path in image_paths(folders[0])] == ["astronaut.png", "chelsea.png"]
    (tmp_path / "empty").mkdir()
    for bad in ("empty", "missing"):
        with pytest.raises(DataError):
            image_paths(tmp_path / bad)


def test_litter_is_no_picture_and_other_files_are_named(
    folders: tuple[Path, Path],
) -> None:
    (folders[0] / "._astronaut.png").write_bytes(b"resource fork")
    (folders[0] / "notes.txt").write_text("no picture")
    Image.new("RGB", (32, 32)).save(folders[0] / "a.avif")
    Image.new("RGB", (32, 32)).save(folders[0] / "b.gif")
    notices: list[str] = []
    paths = image_paths(folders[0], notices.append)
    assert [path.name for path in paths] == ["a.avif", "astronaut.png", "b.gif", "chelsea.png"]
    assert len(notices) == 1
    assert notices[0].endswith("no pictures by their suffix: notes.txt.")


def test_crops_show_the_pixels_that_a_render_sees(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65_535, 64 * 64).astype(np.uint16).reshape(64, 64)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    half = np.zeros((64, 32, 4), np.uint8)
    half[:32] = (200, 0, 0, 255)  # the upper half red, the lower one transparent black
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(half).save(tmp_path / "turned.png", exif=exif)
    for name in ("deep.png", "turned.png"):
        path = tmp_path / name
        expected = laid_on_white(read_picture(path))
        crop = Crops([path], CropRecipe(size=32, zoom=(1.0, 1.0)), variants=1)[0]
        mean = expected.pixels.reshape(-1, 3).mean(0) / 255
        assert crop.mean((1, 2)).numpy() == pytest.approx(mean, abs=0.02)
        photos = PhotoCrops([path], 32, 8, seed=0, cache_mb=1)[0].float() / 255
        assert photos.amin((0, 2, 3)).numpy() == pytest.approx(
            expected.pixels.min((0, 1)) / 255, abs=0.1
        )
        assert photos.amax((0, 2, 3)).numpy() == pytest.approx(
            expected.pixels.max((0, 1)) / 255, abs=0.1
        )


def test_held_out_splits_by_number() -> None:
    paths = [Path(str(number)) for number in range(10)]
    training, validation = held_out(paths, 4)
    assert [path.name for path in validation] == ["0", "4", "8"]
    assert sorted(training + validation) == paths
    assert held_out(paths, 0) == (paths, [])


def test_a_crop_depends_on_its_number_and_the_seed_alone(folders: tuple[Path, Path]) -> None:
    recipe = CropRecipe(size=16, recolour=0.5)
    one, again = (Crops(image_paths(folders[0]), recipe, seed=3) for _ in range(2))
    assert len(one) == 8
    late = again[5]
    assert torch.equal(one[5], late)
    assert one[5].shape == (3, 16, 16)
    assert 0 <= float(one[5].min()) <= float(one[5].max()) <= 1
    assert not torch.equal(one[5], one[4])
    assert not torch.equal(one[5], Crops(image_paths(folders[0]), recipe, seed=4)[5])


def test_unreadable_pictures_are_named(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"bad\.png"):
        Crops(image_paths(tmp_path), CropRecipe(size=8))[0]


def test_cache_computes_what_it_does_not_hold() -> None:
    asked: list[int] = []

    def compute(crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
        asked.append(len(crops))
        return (crops * 2,)

    cache = FeatureCache(compute, limit=2)
    crops = torch.arange(3.0)[:, None]
    for _ in range(2):
        torch.testing.assert_close(cache([0, 1, 2], crops)[0], crops * 2)
    assert asked == [1, 1, 1, 1]  # three, and the one that found no room again
