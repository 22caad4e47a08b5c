from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from nst_core.commands.stylize import stylize
from nst_core.commands.tune import tune
from nst_core.networks.files import save_network
from nst_core.networks.slim import SlimAdaIN


def run(command: object, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(part) for part in arguments])  # type: ignore[arg-type]


@pytest.fixture
def tuned(folders: tuple[Path, Path], untrained: SlimAdaIN, tmp_path: Path) -> Path:
    base = save_network(untrained, tmp_path / "base.safetensors", noise=0.06)
    out = tmp_path / "coffee.safetensors"
    done = run(
        tune, folders[1] / "coffee.png", "-o", out, "--photos", folders[0], "--network", base,
        "--steps", 2, "--style-size", 48, "--device", "cpu", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["network"], document["outcome"], document["steps"]) == (str(out), "finished", 2)
    return out


def test_the_command_loads_without_torch() -> None:
    code = "import sys\nfrom nst_core.commands import tune\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_tuned_network_needs_no_style_and_takes_none(
    tuned: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    photo, out = folders[0] / "astronaut.png", tmp_path / "painted.png"
    done = run(stylize, photo, "-o", out, "--network", tuned, "--runtime", "torch", "--stroke", 8)
    assert done.exit_code == 0, done.output
    with Image.open(out) as image:
        assert image.size == (48, 48)
    refused = run(stylize, photo, folders[1] / "rocket.png", "-o", out, "--network", tuned)
    assert refused.exit_code == 2
    assert "holds its style itself and takes no other" in refused.output
    done = run(stylize, photo, "-o", out, "--network", tuned, "--color", "match")
    assert done.exit_code == 0, done.output


def test_resume_needs_a_folder(folders: tuple[Path, Path], tmp_path: Path) -> None:
    style = folders[1] / "coffee.png"
    done = run(tune, style, "-o", tmp_path / "x", "--photos", folders[0], "--resume")
    assert done.exit_code == 2
    assert "--resume needs --checkpoints" in done.output
