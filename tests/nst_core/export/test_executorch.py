from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from support.films import texture
from torch import nn

from nst_core.commands.export import export as command
from nst_core.export.executorch import load_executorch, phone_program, write_executorch
from nst_core.export.modules import Exportable, OneStyle, open_exportable
from nst_core.images.picture import Picture
from nst_core.networks.feed_forward import ARCHITECTURES
from nst_core.networks.files import save_network
from nst_core.networks.slim import SlimAdaIN
from nst_core.stylize.style_engine import StyleEngine

DOCS = Path(__file__).parents[3] / "docs" / "exports.md"


@pytest.mark.exhaustive
def test_the_graph_for_phones_equals_a_network_of_one_style(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network: Any = ARCHITECTURES["johnson"]()
    exportable = open_exportable(save_network(network, tmp_path / "net.safetensors"))
    program = phone_program(exportable)
    inputs = exportable.chosen(image=torch.rand(1, 3, 64, 96))
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PyTorch 2.13, of its own code
        expected, found = exportable.module(*inputs), program.module()(*inputs)
    operators = {str(node.target) for node in program.graph.nodes}
    assert not {"aten.var_mean.correction", "aten.lerp.Tensor", "aten.pad.default"} & operators
    assert not any("instance_norm" in name or "index" in name for name in operators)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


class Convolutions(nn.Module):
    """Two convolutions with a ReLU between them; keeps the size of a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 3, 3, padding=1)

    def inner(self, x: torch.Tensor) -> torch.Tensor:
        """(1, 3, H, W) → the same."""
        out: torch.Tensor = self.second(self.first(x).relu())
        return out

    forward = inner


@pytest.mark.exhaustive
@pytest.mark.integration
@pytest.mark.timeout(900)
def test_int8_rounds_every_convolution_and_is_near_single_precision(tmp_path: Path) -> None:
    pytest.importorskip("executorch")
    torch.manual_seed(0)
    network: Any = Convolutions()
    exportable = Exportable(OneStyle(network).eval(), "small", 8, 16, 0, "int8")
    graph = phone_program(exportable).graph
    weights = [str(node.args[1]) for node in graph.nodes if "conv2d" in str(node.target)]
    assert len(weights) == 2
    assert all(name.startswith("dequantize_per_channel") for name in weights)

    write_executorch(exportable, tmp_path / "small.pte")
    image = torch.rand(1, 3, 32, 40)
    (found,) = load_executorch(tmp_path / "small.pte")([image.numpy()])
    with torch.no_grad():
        apart = np.abs(found - exportable.module(image).numpy())
    assert 1e-5 < apart.max() < 0.02


@pytest.mark.exhaustive
@pytest.mark.integration
@pytest.mark.timeout(900)
def test_the_script_of_the_docs_runs_a_program(tmp_path: Path) -> None:
    pytest.importorskip("executorch")
    torch.manual_seed(0)
    network = SlimAdaIN((8, 8, 8), blocks=0, code_width=8)
    path = save_network(cast(Any, network), tmp_path / "small.safetensors")
    target = tmp_path / "small.pte"
    done = CliRunner().invoke(
        command, [str(path), "--format", "executorch", "-o", str(target), "--json"]
    )
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["passes"]
    assert max(row["most"] for row in report["rows"]) < 0.5

    photo, painting = texture(96, 64, seed=1), texture(64, 64, seed=2)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    Image.fromarray(painting).save(tmp_path / "painting.png")
    (script,) = re.findall(
        r"<!-- script: executorch -->\n```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL
    )
    # Whatever of ours the script loads is an error.
    guard = "import sys\nsys.modules['nst_core'] = sys.modules['jobs'] = None\n"
    (tmp_path / "script.py").write_text(guard + script)
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "script.py", target, "photo.png", "painting.png", "out.png"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    engine = StyleEngine(str(path), "torch", "cpu")
    style = engine.style_statistics(Picture(painting), 64)
    expected = engine.stylize(Picture(photo), style, alpha=1.0, texture=0)
    with Image.open(tmp_path / "out.png") as image:
        assert np.abs(np.array(image).astype(int) - expected.pixels).max() <= 2
