from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from support.foreign_networks import adain_decoder, fast_neural_style, vgg_normalised
from torch import Tensor, nn

from nst_core.commands.import_network import import_network as command
from nst_core.commands.stylize import stylize
from nst_core.images.picture import Picture, to_pixels, to_tensor
from nst_core.networks.feed_forward import is_feed_forward, open_feed_forward
from nst_core.networks.files import read_metadata
from nst_core.networks.foreign import ImportedFileError, import_network
from nst_core.networks.registry import NetworkError, open_network
from nst_core.stylize.style_engine import StyleEngine


def by_hand(weights: dict[str, Tensor], image: Tensor) -> Tensor:
    """The example's network, written down from its description: 0..255 in and out."""

    def conv(name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = weights[f"{name}.conv2d.weight"]
        border = weight.shape[2] // 2
        padded = nn.functional.pad(x, (border,) * 4, mode="reflect")
        return nn.functional.conv2d(padded, weight, weights[f"{name}.conv2d.bias"], stride)

    def norm(name: str, x: Tensor) -> Tensor:
        mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)
        gain, shift = (weights[f"{name}.{part}"][:, None, None] for part in ("weight", "bias"))
        return (x - mean) / (variance + 1e-5).sqrt() * gain + shift

    x = image * 255
    for number, stride in ((1, 1), (2, 2), (3, 2)):
        x = norm(f"in{number}", conv(f"conv{number}", x, stride)).relu()
    for number in range(1, 6):
        inner = norm(f"res{number}.in1", conv(f"res{number}.conv1", x)).relu()
        x = x + norm(f"res{number}.in2", conv(f"res{number}.conv2", inner))
    for number in (1, 2):
        x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        x = norm(f"in{number + 3}", conv(f"deconv{number}", x)).relu()
    return conv("deconv3", x).clamp(0, 255) / 255


@pytest.mark.parametrize("old", [False, True])
def test_a_fast_neural_style_file(tmp_path: Path, old: bool) -> None:
    weights = fast_neural_style(old=old)
    torch.save(weights, tmp_path / "candy.pth")
    out = tmp_path / "candy.safetensors"
    done = CliRunner().invoke(
        command, [str(tmp_path / "candy.pth"), "-o", str(out), "--licence", "BSD-3", "--json"]
    )
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["architecture"], document["parameters"]) == ("fast_neural_style", 1_679_235)
    assert read_metadata(out)["licence"] == "BSD-3"
    assert is_feed_forward(out)
    network = open_feed_forward(out)
    image = torch.rand(1, 3, 32, 40)
    with torch.no_grad():
        torch.testing.assert_close(network(image), by_hand(weights, image), atol=2e-4, rtol=0)
        assert network(torch.rand(1, 3, 33, 38)).shape == (1, 3, 33, 38)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_an_imported_network_paints_pictures(tmp_path: Path, runtime: str) -> None:
    if runtime != "torch":
        pytest.importorskip(runtime)
    weights = fast_neural_style()
    torch.save(weights, tmp_path / "candy.pth")
    path = tmp_path / "candy.safetensors"
    assert CliRunner().invoke(command, [str(tmp_path / "candy.pth"), "-o", str(path)]).exit_code == 0
    photo = (np.random.default_rng(0).random((40, 64, 3)) * 255).astype(np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    given = ["--checkpoint", path, "-o", tmp_path / "out.png", "--runtime", runtime, "--alpha", 1]
    done = CliRunner().invoke(stylize, [str(part) for part in (tmp_path / "photo.png", *given)])
    assert done.exit_code == 0, done.output
    with torch.no_grad():
        expected = to_pixels(by_hand(weights, to_tensor(photo)))
    found = np.array(Image.open(tmp_path / "out.png").convert("RGB"))
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_an_adain_decoder_with_its_encoder(tmp_path: Path) -> None:
    decoder, encoder = adain_decoder(), vgg_normalised()
    torch.save(decoder.state_dict(), tmp_path / "decoder.pth")
    torch.save(encoder.state_dict(), tmp_path / "vgg_normalised.pth")
    out = tmp_path / "adain.safetensors"
    arguments = [tmp_path / "decoder.pth", "-o", out, "--encoder", tmp_path / "vgg_normalised.pth"]
    done = CliRunner().invoke(command, [str(part) for part in arguments])
    assert done.exit_code == 0, done.output
    network = open_network(out)
    content, style = torch.rand(1, 3, 32, 40), torch.rand(1, 3, 48, 32)
    with torch.no_grad():
        target = network.statistics(network.encode(style))
        found = network.decode(
            network.encode(content), network.statistics(network.encode(content)), target
        )
        first, second = encoder[:31](content), encoder[:31](style)
        parts = [(x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True) + 1e-5)
                 for x in (first, second)]  # fmt: skip
        normal = (first - parts[0][0]) / parts[0][1].sqrt()
        expected = decoder(normal * parts[1][1].sqrt() + parts[1][0])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)
    engine = StyleEngine(out, "torch", "cpu")
    picture = Picture((np.random.default_rng(0).random((40, 56, 3)) * 255).astype(np.uint8))
    statistics = engine.style_statistics(picture, 32)
    assert engine.stylize(picture, statistics, alpha=1.0).pixels.shape == (40, 56, 3)


class _Runs:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("/tmp/atelier-was-here"),)


def test_what_is_refused(tmp_path: Path) -> None:
    decoder = tmp_path / "decoder.pth"
    torch.save(adain_decoder().state_dict(), decoder)
    with pytest.raises(ImportedFileError, match="without its encoder"):
        import_network(decoder)
    with pytest.raises(ImportedFileError, match="not the normalised VGG-19"):
        import_network(decoder, decoder)
    unknown = tmp_path / "unknown.pth"
    torch.save({"layer.weight": torch.ones(3)}, unknown)
    with pytest.raises(ImportedFileError, match=r"layer\.weight.*Known are pytorch/examples") as caught:
        import_network(unknown)
    assert "pytorch-AdaIN" in str(caught.value)
    harmful = tmp_path / "harmful.pth"
    torch.save({"weight": _Runs()}, harmful)
    with pytest.raises(ImportedFileError, match="more than weights"):
        import_network(harmful)
    assert not Path("/tmp/atelier-was-here").exists()
    text = tmp_path / "text.pth"
    text.write_text("not weights")
    with pytest.raises(ImportedFileError):
        import_network(text)
    narrow = tmp_path / "narrow.pth"
    torch.save({**fast_neural_style(), "conv1.conv2d.weight": torch.ones(16, 3, 9, 9)}, narrow)
    with pytest.raises(ImportedFileError, match="does not fit fast_neural_style"):
        import_network(narrow)
    for changed, words in (
        ({"res6.conv1.conv2d.weight": torch.ones(3)}, "layers that fast_neural_style does not have"),
        ({"in3.bias": None}, r"lacks 'in3\.bias'"),
    ):
        weights = {**fast_neural_style(), **changed}
        torch.save({key: value for key, value in weights.items() if value is not None}, narrow)
        with pytest.raises(ImportedFileError, match=words):
            import_network(narrow)
    done = CliRunner().invoke(command, [str(unknown), "-o", str(tmp_path / "out.safetensors")])
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.safetensors").exists()


def test_a_network_for_any_style_is_not_for_one(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="no network for one style"):
        open_feed_forward("slim")
    torch.save(fast_neural_style(), tmp_path / "a.pth")
    image = to_tensor(np.zeros((16, 16, 3), np.uint8))
    assert torch.isfinite(import_network(tmp_path / "a.pth")(image)).all()  # type: ignore[call-arg]
