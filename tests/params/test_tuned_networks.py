"""The table of bundled tuned networks: what it names is there, and unchanged."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from imaging.gallery_styles import gallery_styles
from nst_core.networks.registry import WEIGHTS, bundled_networks
from params.tuned_networks import network_tuned_to, tuned_networks


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", sorted(tuned_networks()))
def test_files_and_styles_of_the_table(name: str) -> None:
    network, style = tuned_networks()[name], gallery_styles()[name.removeprefix("tuned-")].path
    assert sha256(style) == network.style_sha256
    assert sha256(bundled_networks()[name]) == network.sha256
    assert network_tuned_to(network.style_sha256) == name


def test_every_bundled_file_is_in_the_table() -> None:
    files = {path.stem for path in (WEIGHTS / "tuned").glob("*.safetensors")}
    assert {f"tuned-{stem}" for stem in files} == set(tuned_networks())
    # The installed package stays below 60 MB, of which the other weights take 27.
    assert sum(path.stat().st_size for path in (WEIGHTS / "tuned").iterdir()) < 26_000_000


def test_pictures_of_no_style() -> None:
    assert network_tuned_to("0" * 64) is None
