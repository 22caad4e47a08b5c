"""Bundling of tuned networks: the file is copied and named in the table."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bench.networks.bundle_tuned import bundle
from nst_core.errors import NstError
from nst_core.networks.files import save_network
from nst_core.networks.slim import SlimAdaIN


def test_a_tuned_network_is_copied_and_named(
    untrained: SlimAdaIN, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    style, weights, table = folders[1] / "coffee.png", tmp_path / "weights", tmp_path / "table.json"
    table.write_text("{}")
    held = {"statistics": [0.0] * untrained.statistics_width}
    made = save_network(untrained, tmp_path / "made.safetensors", style=held, int8={"stem": [0, 1]})

    assert bundle(made, style, weights, table) == "tuned-coffee"

    copied = weights / "coffee.safetensors"
    assert copied.read_bytes() == made.read_bytes()
    entry = json.loads(table.read_text())["tuned-coffee"]
    assert entry["style"] == hashlib.sha256(style.read_bytes()).hexdigest()
    assert entry["file"] == hashlib.sha256(copied.read_bytes()).hexdigest()

    plain = save_network(untrained, tmp_path / "plain.safetensors")
    with pytest.raises(NstError, match="atelier tune"):
        bundle(plain, style, weights, table)
