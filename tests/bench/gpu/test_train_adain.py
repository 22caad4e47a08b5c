"""The training of networks of any style on a card, run on the CPU for seconds."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.gpu.train_adain import main
from nst_core.networks.registry import open_network


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Archives of two photographs and two paintings."""
    folder = tmp_path / "data"
    folder.mkdir()
    random = np.random.default_rng(0)
    for kind in ("content", "style"):
        with tarfile.open(folder / f"{kind}_1.tar", "w") as tar:
            for number in range(2):
                path = tmp_path / f"{kind}-{number}.png"
                Image.fromarray(random.integers(0, 256, (48, 56, 3), np.uint8)).save(path)
                tar.add(path, path.name)
    return folder


def test_it_writes_a_network_that_has_learnt(data: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    out = tmp_path / "out"
    options = ["--out", str(out), "--networks", "slim", "--device", "cpu", "--small", "--seconds", "1"]
    assert main([str(data), *options]) == 0
    trained, before = open_network(out / "slim.safetensors"), open_network("slim")
    assert trained.noise == before.noise
    changed = [
        name
        for name, value in before.state_dict().items()
        if not torch.allclose(value, trained.state_dict()[name], atol=1e-4)
    ]
    assert changed
    stages = json.loads((out / "slim.json").read_text())
    assert [stage["side"] for stage in stages] == [32, 40]
    assert all(stage["steps"] >= 2 for stage in stages)
    assert all(np.isfinite(list(stage["losses"].values())).all() for stage in stages)


def test_too_few_pictures_are_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(data), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 1
    assert "has 2 pictures in content*.tar; at least 200 are needed." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_network_without_a_recipe_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--out", str(tmp_path / "out"), "--device", "cpu", "--small", "--networks", "huge"]
    assert main([str(data), *options]) == 1
    assert "no network 'huge' to train; there are slim, full." in capsys.readouterr().err
