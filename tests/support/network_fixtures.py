"""Fixtures of the tests that run networks: photographs, a small network, one thread and one seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nst_core.images.picture import Picture
from nst_core.networks.slim import SlimAdaIN


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # tiny tensors, and sums in one order
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def photo() -> Callable[..., Picture]:
    """A photograph of scikit-image: its centre square at `size` pixels."""
    data = pytest.importorskip("skimage.data")

    def load(name: str = "astronaut", size: int = 64, height: int | None = None) -> Picture:
        image = Image.fromarray(getattr(data, name)())
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((left, top, left + side, top + side))
        return Picture(np.array(square.resize((size, height or size), Image.Resampling.LANCZOS)))

    return load


@pytest.fixture
def untrained() -> SlimAdaIN:
    torch.manual_seed(0)
    network = SlimAdaIN((8, 8, 16), blocks=1, code_width=8)
    for parameter in network.parameters():  # blocks start as nothing; give every path something to do
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return network.eval()


@pytest.fixture
def folders(tmp_path: Path, photo: Callable[..., Picture]) -> tuple[Path, Path]:
    """Folders of two contents and two styles of 48 pixels."""
    content, style = tmp_path / "content", tmp_path / "style"
    content.mkdir()
    style.mkdir()
    for folder, names in ((content, ("astronaut", "chelsea")), (style, ("coffee", "rocket"))):
        for name in names:
            Image.fromarray(photo(name, 48).pixels).save(folder / f"{name}.png")
    return content, style
