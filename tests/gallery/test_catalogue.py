"""The gallery: what its program draws, and what is committed of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gallery.__main__ import describe, main
from gallery.catalogue import ENTRIES, SIZE, draw, entry

COMMITTED = Path(__file__).parents[2] / "jobs" / "gallery"
SLUGS = [found.slug for found in ENTRIES]
#: The quickest to draw at full size.
QUICK = "great-waves"


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, dtype=np.float64)


def luma(values: np.ndarray) -> np.ndarray:
    return values @ np.array([0.299, 0.587, 0.114])


def colourfulness(values: np.ndarray) -> float:
    """Hasler and Süsstrunk's measure (2003): 0 is grey, above 30 is plainly coloured."""
    opponent = values[..., 0] - values[..., 1], (values[..., 0] + values[..., 1]) / 2 - values[..., 2]
    spread = np.hypot(*(plane.std() for plane in opponent))
    return float(spread + 0.3 * np.hypot(*(plane.mean() for plane in opponent)))


@pytest.mark.parametrize("slug", SLUGS)
def test_every_entry_draws_small(slug: str) -> None:
    picture = draw(slug, 96)
    assert picture.size == (96, 96)
    assert picture.mode == "RGB"


def test_there_are_enough_and_no_name_twice() -> None:
    assert len(ENTRIES) >= 14
    assert len({found.slug for found in ENTRIES}) == len(ENTRIES)
    assert len({found.title for found in ENTRIES}) == len(ENTRIES)


@pytest.mark.parametrize("slug", ["great-waves", "ikat-weave", "three-chalks", "riverside-dots"])
def test_the_same_seed_gives_the_same_bytes(slug: str) -> None:
    assert draw(slug, 96).tobytes() == draw(slug, 96).tobytes()


def test_another_seed_gives_another_picture() -> None:
    drawing = entry("ikat-weave").drawing
    first, second = (drawing(np.random.Generator(np.random.PCG64(seed)), 96) for seed in (1, 2))
    assert first.tobytes() != second.tobytes()


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        draw("no-such-style", 96)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_committed_picture_is_sound(slug: str) -> None:
    path = COMMITTED / f"{slug}.webp"
    assert path.stat().st_size <= 170_000
    with Image.open(path) as picture:
        assert picture.size == (SIZE, SIZE)
        values = pixels(picture.convert("RGB"))
    assert luma(values).std() > 28
    assert colourfulness(values) > 20
    # No part is empty: every ninth of the picture holds some texture.
    third = SIZE // 3
    for row in range(3):
        for column in range(3):
            part = values[row * third : (row + 1) * third, column * third : (column + 1) * third]
            assert luma(part).std() > 10


def test_no_two_pictures_look_alike() -> None:
    thumbnails = []
    for slug in SLUGS:
        with Image.open(COMMITTED / f"{slug}.webp") as picture:
            thumbnails.append(pixels(picture.convert("RGB").resize((16, 16))))
    for number, first in enumerate(thumbnails):
        for second in thumbnails[number + 1 :]:
            assert np.abs(first - second).mean() > 20


def test_the_list_tells_what_lies_there() -> None:
    listing = json.loads((COMMITTED / "gallery.json").read_text(encoding="utf-8"))
    assert listing == [describe(found, SIZE) for found in ENTRIES]
    assert {path.name for path in COMMITTED.glob("*.webp")} == {row["file"] for row in listing}


def test_the_committed_file_is_what_the_program_draws() -> None:
    with Image.open(COMMITTED / f"{QUICK}.webp") as picture:
        committed = pixels(picture.convert("RGB"))
    assert np.abs(pixels(draw(QUICK, SIZE)) - committed).mean() < 6


def test_the_program_writes_pictures_and_list(tmp_path: Path) -> None:
    main([str(tmp_path), "--size", "64", "--only", "great-waves"])
    assert {path.name for path in tmp_path.iterdir()} == {"great-waves.webp", "gallery.json"}
    with Image.open(tmp_path / "great-waves.webp") as picture:
        assert picture.size == (64, 64)
    listing = json.loads((tmp_path / "gallery.json").read_text(encoding="utf-8"))
    assert [row["slug"] for row in listing] == SLUGS
    assert listing[0]["width"] == 64
