from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.films import texture

from nst_core.export.core_ml_program import ProgramError, run_program
from nst_core.export.export import compare_export, export_network
from nst_core.export.formats import FORMATS
from nst_core.export.modules import open_exportable
from nst_core.images.picture import Picture
from nst_core.networks.files import save_network
from nst_core.networks.slim import SlimAdaIN

SENTINEL = 0xDEADBEEF.to_bytes(4, "little")
PICTURES = [Picture(texture(96, 80, seed=seed)) for seed in range(3)]


@pytest.mark.exhaustive
def test_the_check_reads_the_weights_of_the_file(tmp_path: Path) -> None:
    coremltools = pytest.importorskip("coremltools")
    torch.manual_seed(0)
    network = save_network(SlimAdaIN((8, 8, 8), blocks=0, code_width=8), tmp_path / "net.safetensors")
    package = tmp_path / "net.mlpackage"
    # The second export takes the place of the first.
    for _ in range(2):
        assert export_network(network, "coreml", package, PICTURES).passes
    assert sorted(tmp_path.iterdir()) == [package, network]

    model = coremltools.models.MLModel(str(package), skip_model_load=True)
    image = model.get_spec().description.input[0].type.multiArrayType
    bounds = [(side.lowerBound, side.upperBound) for side in image.shapeRange.sizeRanges]
    assert bounds == [(1, 1), (3, 3), (16, 4096), (16, 4096)]
    assert model.user_defined_metadata["stride"] == "8"

    weights = package / "Data/com.apple.CoreML/weights/weight.bin"
    # Each array has 64 bytes of description, which begin with this word; the values follow.
    head, *arrays = weights.read_bytes().split(SENTINEL)
    zeroed = [values[:60] + bytes(len(values) - 60) for values in arrays]
    weights.write_bytes(SENTINEL.join([head, *zeroed]))
    rows = compare_export(open_exportable(network), FORMATS["coreml"].load(package), PICTURES)
    assert max(row.most for row in rows) > 1


def test_an_operator_that_the_check_does_not_know_is_an_error() -> None:
    erf = SimpleNamespace(op_type="erf", inputs={}, outputs=[])
    function = SimpleNamespace(inputs={"image": None}, operations=[erf], outputs=[])
    with pytest.raises(ProgramError, match="no operator 'erf'"):
        run_program(function, [np.zeros((1, 3, 16, 16), np.float32)])
