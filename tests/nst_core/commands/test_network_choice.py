"""`--network auto` on the command line: the network that is tuned to the style, else slim."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from imaging.gallery_styles import gallery_styles
from nst_core.commands.network_choice import choose_network
from nst_core.commands.stylize import stylize
from nst_core.images.picture import PictureError

OILS = gallery_styles()["night-oils"].path


def test_which_network_is_chosen(tmp_path: Path) -> None:
    copy = tmp_path / "copy.webp"
    copy.write_bytes(OILS.read_bytes())
    other = tmp_path / "other.png"
    other.write_bytes(b"another picture")

    assert choose_network("auto", [OILS]) == choose_network("auto", [copy]) == "tuned-night-oils"
    assert choose_network("auto", [other]) == "slim"
    assert choose_network("auto", [OILS, other]) == "slim"
    assert choose_network("auto", []) == "slim"
    assert choose_network("auto", [OILS], style_size=128) == "slim"
    assert choose_network("auto", [OILS], style_regions=True) == "slim"
    assert choose_network("full", [OILS]) == "full"
    with pytest.raises(PictureError, match="can't be read"):
        choose_network("auto", [tmp_path / "missing.png"])


def painted(photo: Path, style: Path, out: Path, *options: str) -> dict[str, Any]:
    arguments = [str(photo), str(style), "-o", str(out), "--runtime", "torch", "--size", "48", "--json"]
    done = CliRunner().invoke(stylize, [*arguments, *options])
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_style_of_the_gallery_is_painted_by_its_network(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    photo, out = folders[0] / "astronaut.png", tmp_path / "out.png"
    assert painted(photo, OILS, out)["network"] == "tuned-night-oils"
    tuned = out.read_bytes()
    assert painted(photo, OILS, out, "--network", "slim")["network"] == "slim"
    assert out.read_bytes() != tuned

    by_name = CliRunner().invoke(
        stylize,
        [
            str(photo),
            "-o",
            str(out),
            "--network",
            "tuned-night-oils",
            "--runtime",
            "torch",
            "--size",
            "48",
        ],
    )
    assert by_name.exit_code == 0, by_name.output
    assert out.read_bytes() == tuned


def test_a_folder_of_styles_is_painted_by_the_network_of_each(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    styles = folders[1]
    (styles / "night-oils.webp").write_bytes(OILS.read_bytes())

    document = painted(folders[0], styles, tmp_path / "out")

    networks = {Path(each["style"]).stem: each["network"] for each in document["outputs"]}
    assert networks == {"coffee": "slim", "rocket": "slim", "night-oils": "tuned-night-oils"}
    assert document["network"] == "slim, tuned-night-oils"
    assert (tmp_path / "out" / "astronaut-night-oils.png").is_file()
