from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.networks.contact_sheet import GAP, contact_sheet, square
from imaging.gallery_styles import gallery_styles
from nst_core.images.picture import Picture
from nst_core.networks.files import save_network
from nst_core.networks.slim import SlimAdaIN
from nst_core.stylize.open_engine import open_engine


def test_a_sheet_shows_every_pair_for_every_network(
    photo: Callable[..., Picture], untrained: SlimAdaIN, tmp_path: Path
) -> None:
    other = str(save_network(untrained, tmp_path / "other.safetensors"))
    contents, styles = [photo("astronaut", 48), photo("coffee", 48, 40)], [tmp_path / "rocket.png"]
    Image.fromarray(photo("rocket", 48).pixels).save(styles[0])
    sheet = np.asarray(contact_sheet(contents, styles, ["slim", other], size=32, shown=32))
    step = 32 + GAP
    assert sheet.shape == (2 * step, step * 5 + 2 * GAP, 3)
    cells = [sheet[step : step + 32, left : left + 32] for left in (step, 2 * step, 3 * step + GAP)]
    assert not np.array_equal(cells[0], cells[1])  # another network
    assert not np.array_equal(cells[0], cells[2])  # another content


def test_auto_is_the_tuned_network_of_a_style_or_slim(
    photo: Callable[..., Picture], tmp_path: Path
) -> None:
    other = tmp_path / "rocket.png"
    Image.fromarray(photo("rocket", 48).pixels).save(other)
    styles = [gallery_styles()["night-oils"].path, other]
    content = photo("coffee", 48)
    sheet = np.asarray(contact_sheet([content], styles, ["auto", "slim"], size=32, shown=32))
    step = 32 + GAP
    auto, slim = (
        [sheet[row * step : row * step + 32, left : left + 32] for row in (1, 2)]
        for left in (step, 2 * step)
    )
    assert not np.array_equal(auto[0], slim[0])
    engine = open_engine("tuned-night-oils")
    expected = engine.stylize(square(content, 32), alpha=1.0).pixels
    np.testing.assert_array_equal(auto[0], expected)
    np.testing.assert_array_equal(auto[1], slim[1])


def test_command_writes_photographs_and_a_sheet(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    folder, out = tmp_path / "photographs", tmp_path / "sheet.png"
    code = "import runpy, sys; sys.argv = {argv!r}; runpy.run_module({module!r}, run_name='__main__')"
    for module, argv in (
        ("gallery.photographs", ["", str(folder)]),
        ("bench.networks.contact_sheet",
         ["", str(folder), str(folder), "-o", str(out), "--networks", "slim",
          "--rows", "1", "--columns", "1"]),
    ):  # fmt: skip
        subprocess.run([sys.executable, "-c", code.format(argv=argv, module=module)], check=True)
    assert len(list(folder.glob("*.png"))) == 6
    with Image.open(out) as sheet:
        assert sheet.width > 192
