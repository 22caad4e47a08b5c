from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from support.films import texture

from nst_core.commands.export import export as command
from nst_core.export import export as exporting
from nst_core.export import formats
from nst_core.export.check_pictures import check_pictures
from nst_core.export.export import compare_export, export_network
from nst_core.export.formats import FORMATS, OPSET, ExportError, Format
from nst_core.export.modules import open_exportable
from nst_core.images.picture import Picture, to_pixels, to_tensor
from nst_core.networks.base import StyleNetwork
from nst_core.networks.feed_forward import ARCHITECTURES
from nst_core.networks.files import save_network
from nst_core.networks.quantization import calibrate
from nst_core.networks.registry import NetworkError
from nst_core.networks.slim import SlimAdaIN
from nst_core.stylize.style_engine import StyleEngine

PICTURES = [Picture(texture(96, 80, seed=seed)) for seed in range(3)]
#: The packages that the script of the docs may import.
RUNTIMES = {
    "onnx": {"onnxruntime"},
    "openvino": {"openvino"},
    "torchscript": {"torch"},
    "torch-export": {"torch"},
    "executorch": {"executorch", "torch"},
    "coreml": {"coremltools"},
}
#: Writing a program for ExecuTorch takes a minute: tests/nst_core/export/test_executorch.py writes one.
FAST = [name for name in FORMATS if name != "executorch"]
DOCS = Path(__file__).parents[3] / "docs" / "exports.md"


@pytest.fixture
def network(untrained: SlimAdaIN, tmp_path: Path) -> Path:
    pairs = [
        (to_tensor(texture(64, 64, seed=seed)), to_tensor(texture(64, 64, seed=seed + 1)))
        for seed in range(4)
    ]
    return save_network(untrained, tmp_path / "net.safetensors", int8=calibrate(untrained, pairs))


#: The formats that `make test` exports: the others take many seconds.
QUICK = {"openvino", "torchscript"}


#: The formats whose script this machine can run: Core ML exists on Apple systems only.
SCRIPTED = [name for name in FAST if name != "coreml" or sys.platform == "darwin"]

#: Buffers that a shader of WebGPU may have on every graphics card: a node of more tensors fails there.
MAX_TENSORS = 8


def tensors_of(node: Any) -> int:
    return len({*node.input, *node.output})


def needed(format: str) -> Format:
    for package in FORMATS[format].packages:
        pytest.importorskip(package)
    return FORMATS[format]


def test_the_exported_module_is_what_the_engine_gives(slim: StyleNetwork) -> None:
    exportable = open_exportable("slim")
    engine = StyleEngine(slim, "torch", "cpu")
    style = engine.style_statistics(PICTURES[2], 64)
    picture = Picture(texture(96, 64, seed=5))  # sides that the engine does not pad
    image = to_tensor(picture.pixels)
    with torch.no_grad():
        for alpha in (0.0, 0.2, 0.5, 0.8, 1.0):
            output, statistics = exportable.module(image, style, torch.tensor([[alpha]]))
            expected = engine.stylize(picture, style, alpha=alpha, texture=0)
            apart = np.abs(to_pixels(output).astype(int) - expected.pixels)
            assert apart.max() <= (0 if alpha == 0 else 1)
    torch.testing.assert_close(statistics, engine.renderer().statistics(picture.pixels))


@pytest.mark.parametrize(
    "format",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.exhaustive) for name in FAST],
)
def test_every_format_at_every_size(network: Path, tmp_path: Path, format: str) -> None:
    chosen = needed(format)
    target = tmp_path / "out" / f"net{chosen.suffix}"
    report = export_network(network, format, target, PICTURES)
    assert report.passes
    assert max(row.most for row in report.rows) < 0.5
    assert len({(row.width, row.height) for row in report.rows}) == 4
    assert {row.alpha for row in report.rows} == {1.0, 0.8, 0.3, 0.0}
    assert sorted(target.parent.iterdir()) == sorted(chosen.files(target))
    if format == "onnx":
        import onnx

        model = onnx.load(target)
        (opset,) = model.opset_import
        assert (opset.domain, opset.version) == ("", OPSET)
        assert max(tensors_of(node) for node in model.graph.node) <= MAX_TENSORS
    # Another shape than any that was checked, and another batch where the format has batches.
    exportable = open_exportable(network)
    batch = 3 if chosen.largest_side is None else 1
    image, style = torch.rand(batch, 3, 56, 88), torch.rand(batch, exportable.statistics_width)
    inputs = [image, style, torch.tensor([[0.0], [0.5], [1.0]])[:batch]]
    with torch.no_grad():
        expected = exportable.module(*inputs)
    found = chosen.load(target)([value.numpy() for value in inputs])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other.numpy(), atol=2e-3)
    np.testing.assert_array_equal(found[0][0], image[0].numpy())


@pytest.mark.exhaustive
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_int8(network: Path, tmp_path: Path, format: str) -> None:
    chosen = needed(format)
    target = tmp_path / f"net{chosen.suffix}"
    report = export_network(network, format, target, PICTURES, precision="int8")
    assert report.passes
    assert report.precision == "int8"
    if format == "onnx":
        import onnx

        model = onnx.load(target)
        assert "QuantizeLinear" in {node.op_type for node in model.graph.node}
        assert {entry.key: entry.value for entry in model.metadata_props}["precision"] == "int8"


#: Without what the script of the docs is run with: it is exported, and checked, there.
ONE_STYLE = [
    (architecture, format)
    for architecture in ARCHITECTURES
    for format in FAST
    if architecture != "johnson" or format not in SCRIPTED
]


@pytest.mark.exhaustive
@pytest.mark.parametrize(("architecture", "format"), ONE_STYLE)
def test_a_network_for_one_style(tmp_path: Path, architecture: str, format: str) -> None:
    chosen = needed(format)
    torch.manual_seed(0)
    path = save_network(cast(Any, ARCHITECTURES[architecture]()), tmp_path / "one.safetensors")
    report = export_network(path, format, tmp_path / f"one{chosen.suffix}", PICTURES)
    assert report.passes
    with pytest.raises(NetworkError, match="no int8"):
        open_exportable(path, "int8")


@pytest.mark.parametrize("format", ["openvino", "torchscript"])
def test_a_file_that_differs_is_not_kept(
    network: Path, tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = needed(format)

    def load(path: Path) -> object:
        run = chosen.load(path)
        return lambda arrays: [run(arrays)[0] + 0.01, *run(arrays)[1:]]

    off = replace(chosen, load=load)
    monkeypatch.setitem(exporting.FORMATS, format, off)
    out = tmp_path / "out" / f"net{chosen.suffix}"
    done = CliRunner().invoke(command, [str(network), "--format", format, "-o", str(out)])
    assert done.exit_code == 1
    assert "differs from the network and was not kept" in done.stderr
    assert "PSNR" in done.stderr
    assert not list(out.parent.iterdir())


def test_the_check_sees_what_is_no_number(network: Path) -> None:
    exportable = open_exportable(network)

    def broken(arrays: list[np.ndarray]) -> list[np.ndarray]:
        return [arrays[0] * np.nan, arrays[1]]

    rows = compare_export(exportable, broken, PICTURES)
    assert all(row.most == 255 for row in rows)


def test_requests_that_make_no_sense(network: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no export format"):
        export_network(network, "tflite", tmp_path / "a", PICTURES)
    with pytest.raises(ExportError, match=r"ends in \.pt"):
        export_network(network, "torchscript", tmp_path / "a.onnx", PICTURES)
    with pytest.raises(ExportError, match="has no int8"):
        export_network(network, "torchscript", tmp_path / "a.pt", PICTURES, precision="int8")
    with pytest.raises(ExportError, match="two pictures"):
        export_network(network, "torchscript", tmp_path / "a.pt", PICTURES[:1])
    with pytest.raises(NetworkError):
        export_network("absent", "torchscript", tmp_path / "a.pt", PICTURES)
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


@pytest.mark.parametrize(
    ("format", "extra"), [("executorch", "executorch"), ("coreml", "coreml"), ("onnx", "export")]
)
def test_a_missing_extra_is_named_in_one_line(
    network: Path, tmp_path: Path, format: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    out = tmp_path / f"a{FORMATS[format].suffix}"
    done = CliRunner().invoke(command, [str(network), "--format", format, "-o", str(out)])
    assert done.exit_code == 1
    assert f"pip install 'atelier[{extra}]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()


def test_pictures_to_check_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(check_pictures(None)) == 3
    monkeypatch.setitem(sys.modules, "skimage", None)
    drawn = check_pictures(None)
    assert all(picture.pixels.std() > 20 for picture in drawn)
    for seed in range(2):
        Image.fromarray(texture(40, 40, seed=seed)).save(tmp_path / f"{seed}.png")
    assert len(check_pictures(tmp_path)) == 2


def scripts() -> dict[str, str]:
    found = re.findall(
        r"<!-- script: (\S+) -->\n```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL
    )
    return dict(found)


def test_there_is_a_script_for_every_format() -> None:
    assert set(scripts()) == set(FORMATS)


@pytest.mark.exhaustive
@pytest.mark.integration
@pytest.mark.parametrize("format", SCRIPTED)
def test_the_script_of_the_docs_runs_without_us(
    slim: StyleNetwork, tmp_path: Path, format: str
) -> None:
    chosen = needed(format)
    target = tmp_path / f"slim{chosen.suffix}"
    done = CliRunner().invoke(command, ["slim", "--format", format, "-o", str(target), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["passes"]
    photo, painting = texture(96, 64, seed=1), texture(64, 64, seed=2)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    Image.fromarray(painting).save(tmp_path / "painting.png")
    found = run_script(format, tmp_path, target, "photo.png", "painting.png")
    engine = StyleEngine(slim, "torch", "cpu")
    style = engine.style_statistics(Picture(painting), 64)
    expected = engine.stylize(Picture(photo), style, alpha=1.0, texture=0)
    assert np.abs(found.astype(int) - expected.pixels).max() <= 2


def run_script(format: str, folder: Path, network: Path, *pictures: str) -> np.ndarray:
    """What the script of the docs makes of a file, when none of ours can be imported."""
    # Whatever of ours, and of other runtimes, the script loads is an error.
    others = set().union(*RUNTIMES.values()) - RUNTIMES[format] | {"nst_core", "jobs"}
    guard = f"import sys\nfor name in {sorted(others)!r}: sys.modules[name] = None\n"
    (folder / "script.py").write_text(guard + scripts()[format])
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "script.py", str(network), *pictures, "result.png"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    with Image.open(folder / "result.png") as image:
        return np.array(image)


@pytest.mark.exhaustive
@pytest.mark.integration
@pytest.mark.parametrize("format", SCRIPTED)
def test_the_script_of_the_docs_takes_a_network_for_one_style(tmp_path: Path, format: str) -> None:
    chosen = needed(format)
    torch.manual_seed(0)
    network = ARCHITECTURES["johnson"]()
    path = save_network(cast(Any, network), tmp_path / "one.safetensors")
    target = tmp_path / f"one{chosen.suffix}"
    assert export_network(path, format, target, PICTURES).passes
    photo = texture(96, 64, seed=1)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    found = run_script(format, tmp_path, target, "photo.png")
    with torch.inference_mode():
        expected = to_pixels(network.eval()(to_tensor(photo)))
    assert np.abs(found.astype(int) - expected).max() <= 2


@pytest.mark.parametrize(
    "format",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.exhaustive) for name in FAST],
)
def test_a_tuned_network_holds_its_style(tmp_path: Path, format: str) -> None:
    chosen = needed(format)
    target = tmp_path / f"oils{chosen.suffix}"
    report = export_network("tuned-night-oils", format, target, PICTURES)
    assert report.passes
    assert {row.alpha for row in report.rows} == {1.0, 0.8, 0.3, 0.0}
    exportable = open_exportable("tuned-night-oils")
    assert (exportable.module.inputs, exportable.module.outputs) == (("image", "alpha"), ("output",))
    picture = Picture(texture(96, 64, seed=5))
    image, alpha = to_tensor(picture.pixels).numpy(), np.array([[0.8]], np.float32)
    (output,) = chosen.load(target)([image, alpha])
    engine = StyleEngine("tuned-night-oils", "torch", "cpu")
    expected = engine.stylize(picture, alpha=0.8, texture=0)
    apart = np.abs(to_pixels(torch.from_numpy(output)).astype(int) - expected.pixels)
    assert apart.max() <= 2
