from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nst_core.networks.torchvision_ops import declare_missing_ops
from nst_core.networks.vgg import OXFORD, TORCHVISION, VggError, VggFeatures, layer_plan, load_vgg


def narrow_weights(depth: int) -> dict[str, torch.Tensor]:
    return {
        f"features.{index}.{name}": torch.randn(shape) * 0.05
        for _, index, inputs, outputs in layer_plan(depth)[:9]
        for name, shape in (("weight", (outputs, inputs, 3, 3)), ("bias", (outputs,)))
    }


@pytest.mark.parametrize("depth", [16, 19])
def test_layers_are_torchvisions(depth: int) -> None:
    declare_missing_ops()
    from torchvision import models

    plan = models.vgg.cfgs["D" if depth == 16 else "E"]
    reference = models.vgg.make_layers(plan)
    convolutions = [i for i, layer in enumerate(reference) if isinstance(layer, torch.nn.Conv2d)]
    assert [index for _, index, _, _ in layer_plan(depth)] == convolutions
    weights = {f"features.{name}": value for name, value in reference.state_dict().items()}
    layers = ("relu1_2", "relu2_1", "relu3_1", "relu4_1")
    image = torch.rand(1, 3, 32, 40)
    mine = VggFeatures(weights, layers, depth=depth, normalization=TORCHVISION)(image)
    index_of = {name: index for name, index, _, _ in layer_plan(depth)}
    x = (image - torch.tensor(TORCHVISION.mean).view(1, 3, 1, 1)) / torch.tensor(TORCHVISION.std).view(
        1, 3, 1, 1
    )
    with torch.no_grad():
        for number, layer in enumerate(reference):
            x = layer(x)
            for name in layers:
                if number == index_of[name] + 1:
                    torch.testing.assert_close(mine[name], x)
    assert set(mine) == set(layers)


def test_names_that_do_not_exist_are_explained() -> None:
    with pytest.raises(VggError, match=r"VGG-16 has no layer 'relu3_4'"):
        load_vgg(("relu3_4",))
    with pytest.raises(VggError, match="end before layer relu4_3"):
        VggFeatures(narrow_weights(16), ("relu5_1",))


def test_bundled_weights_are_oxfords_and_frozen() -> None:
    vgg = load_vgg(("relu4_3",))
    torch.testing.assert_close(vgg.mean.flatten(), torch.tensor(OXFORD.mean))
    assert not any(parameter.requires_grad for parameter in vgg.parameters())
    assert vgg(torch.rand(1, 3, 16, 16))["relu4_3"].shape == (1, 512, 2, 2)


def test_files_that_are_not_vgg(tmp_path: Path) -> None:
    with pytest.raises(VggError, match="no VGG weights file"):
        load_vgg(("relu1_1",), source=tmp_path / "missing.pth")
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(VggError, match=r"features\.0\.weight"):
        load_vgg(("relu1_1",), source=tmp_path / "other.pth")


def test_a_torch_file_is_read(tmp_path: Path) -> None:
    weights = narrow_weights(16)
    torch.save(weights, tmp_path / "vgg.pth")
    vgg = load_vgg(("relu1_1",), source=tmp_path / "vgg.pth")
    torch.testing.assert_close(vgg.std.flatten(), torch.tensor(TORCHVISION.std))
    torch.testing.assert_close(vgg.convolutions["relu1_1"].weight, weights["features.0.weight"])


def test_reflection_padding_leaves_no_frame() -> None:
    flat = torch.full((1, 3, 32, 32), 0.7)
    features = load_vgg(("relu2_1",), reflect=True)(flat)["relu2_1"]
    assert features.std((2, 3)).max() < 1e-3 * features.abs().max()
