from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jobs.settings import load_settings
from worker.engines import Engines


@pytest.fixture
def quantized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bundled networks, slim with int8 ranges."""
    import torch

    from nst_core.networks import registry
    from nst_core.networks.files import save_network
    from nst_core.networks.quantization import calibrate

    weights = tmp_path / "weights"
    shutil.copytree(registry.WEIGHTS, weights)
    slim = registry.open_network("slim")
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 32, 32)
    save_network(slim, weights / "slim.safetensors", int8=calibrate(slim, [(picture, picture)]))
    monkeypatch.setattr(registry, "WEIGHTS", weights)
    return weights


def engines(tmp_path: Path, **settings: object) -> Engines:
    return Engines(load_settings(**{"atelier_home": tmp_path, "device": "cpu", **settings}))


def test_an_engine_is_made_once_and_its_graphs_are_kept(tmp_path: Path) -> None:
    kept = engines(tmp_path, network_memory_mb=700)
    engine = kept.get("slim")
    assert kept.get("slim") is engine
    if engine.runtime == "openvino":
        import numpy as np

        from nst_core.images.picture import Picture

        engine.style_statistics(Picture(np.zeros((32, 32, 3), np.uint8)), 32)
        assert list((tmp_path / "graphs").rglob("*.xml"))


def test_int8_where_it_is_wanted_and_there(tmp_path: Path, quantized: Path) -> None:
    from nst_core.networks.quantization import QuantizedConv

    def convolutions(chosen: Engines) -> int:
        network = chosen.get("slim")._network
        return sum(isinstance(part, QuantizedConv) for part in network.modules())

    plain, integers = engines(tmp_path, precision="fp32"), engines(tmp_path, precision="int8")
    assert convolutions(plain) == 0
    assert convolutions(integers) > 0
    # Statistics of one must not pass for those of the other.
    assert plain.fingerprint("slim") != integers.fingerprint("slim")


@pytest.mark.parametrize(
    ("runtime", "precision"), [("openvino", "int8"), ("auto", "int8"), ("torch", "fp32")]
)
def test_int8_by_default_where_it_is_quick(
    tmp_path: Path, quantized: Path, runtime: str, precision: str
) -> None:
    chosen = engines(tmp_path, runtime=runtime)

    assert f":{precision}:" in chosen.fingerprint("slim")


def test_half_precision_is_the_default_on_cuda(
    tmp_path: Path, quantized: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert ":fp16:" in engines(tmp_path, device="auto").fingerprint("slim")
    assert ":fp32:" in engines(tmp_path, device="cuda", precision="fp32").fingerprint("slim")
    assert ":fp16:" not in engines(tmp_path).fingerprint("slim")


def test_a_network_without_int8_runs_in_single_precision(
    tmp_path: Path, quantized: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nst_core.networks.files import save_network
    from nst_core.networks.registry import open_network

    save_network(open_network("slim"), quantized / "slim.safetensors")
    assert ":fp32:" in engines(tmp_path, precision="int8").fingerprint("slim")
