from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nst_core.images.picture import Picture
from nst_core.networks.base import StyleNetwork
from nst_core.networks.registry import bundled_networks, open_network
from nst_core.networks.slim import SlimAdaIN

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
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


@pytest.fixture(scope="session")
def slim() -> StyleNetwork:
    """The bundled slim network."""
    if "slim" not in bundled_networks():
        pytest.skip("nst_core/weights/slim.safetensors is not there")
    return open_network("slim")


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


@contextmanager
def _no_room() -> Iterator[None]:
    """No file of this process may grow beyond 10 kB, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def no_room() -> Callable[[], AbstractContextManager[None]]:
    """Fills the disk, for a `with` block."""
    return _no_room
