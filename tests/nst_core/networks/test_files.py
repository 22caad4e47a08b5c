from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from nst_core.errors import NstError
from nst_core.networks.files import CheckpointError, load_weights, read_metadata, save_network
from nst_core.networks.registry import (
    NetworkError,
    build_network,
    bundled_networks,
    load_network,
    open_network,
)
from nst_core.networks.slim import SlimAdaIN
from nst_core.stylize.style_engine import StyleEngine


def test_round_trip_with_metadata(untrained: SlimAdaIN, tmp_path: Path) -> None:
    path = save_network(untrained, tmp_path / "new" / "net.safetensors", steps=12, note={"a": [1]})
    metadata = read_metadata(path)
    assert metadata["architecture"] == "slim_adain"
    assert metadata["settings"] == untrained.settings
    assert (metadata["steps"], metadata["note"]) == (12, {"a": [1]})
    again = load_network(path)
    assert not again.training
    for name, value in untrained.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, atol=0, rtol=0)
    assert [child.name for child in path.parent.iterdir()] == ["net.safetensors"]


def test_half_precision_is_read_as_single(untrained: SlimAdaIN, tmp_path: Path) -> None:
    path = save_network(untrained, tmp_path / "half.safetensors", half=True)
    assert all(value.dtype == torch.float16 for value in load_file(path).values())
    assert all(value.dtype == torch.float32 for value in load_network(path).state_dict().values())


def test_files_that_are_no_networks(untrained: SlimAdaIN, tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_network(tmp_path / "text.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="not a network saved by Atelier"):
        load_network(tmp_path / "other.safetensors")
    path = save_network(untrained, tmp_path / "net.safetensors")
    untrained.widths = (8, 8, 8)
    save_network(untrained, path)  # weights of one size, settings of another
    with pytest.raises(CheckpointError, match="does not fit slim_adain") as caught:
        load_network(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "metadata",
    [
        {"settings": {"widths": [3000, 3000, 3000]}},
        {"settings": {"blocks": 100_000_000}},
        {"settings": {"nope": 1}},
        {"settings": "wide"},
        {"noise": "loud"},
        {"style": {"statistics": [[1.0]]}},
        {"style": {"statistics": [1.0]}},
        {"style": 7},
    ],
)
def test_hostile_metadata_is_refused_before_a_network_is_built(
    untrained: SlimAdaIN, tmp_path: Path, metadata: dict[str, object]
) -> None:
    """A network of 3000 channels would take 4 GB before the weights of the file are read."""
    described = {
        "format": "atelier-network/1",
        "architecture": "slim_adain",
        "settings": untrained.settings,
        **metadata,
    }
    path = tmp_path / "net.safetensors"
    header = {key: json.dumps(value) for key, value in described.items()}
    save_file(untrained.trained_state_dict(), path, header)
    with pytest.raises(NstError, match="fit slim_adain"):
        load_network(path)


def test_names_and_paths_of_networks(
    untrained: SlimAdaIN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nst_core.networks.registry.WEIGHTS", tmp_path)
    assert bundled_networks() == {}
    with pytest.raises(NetworkError, match=r"train --kind adain --network full"):
        open_network("full")
    with pytest.raises(NetworkError, match="no network 'fulll'"):
        open_network("fulll")
    path = save_network(untrained, tmp_path / "slim.safetensors")
    assert bundled_networks() == {"slim": path}
    assert open_network("slim").settings == open_network(path).settings == untrained.settings
    with pytest.raises(NetworkError, match="architecture"):
        build_network("cubism", {})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(untrained: SlimAdaIN, tmp_path: Path, value: float) -> None:
    with torch.no_grad():
        next(untrained.parameters()).view(-1)[0] = value
    path = save_network(untrained, tmp_path / "bad.safetensors")
    with pytest.raises(CheckpointError, match="weights that are no numbers"):
        load_weights(path, untrained.architecture)
    for runtime in ("torch", "openvino"):
        with pytest.raises(NstError, match="weights that are no numbers"):
            StyleEngine(str(path), runtime, "cpu")
