from __future__ import annotations

from pathlib import Path

import click
import pytest
from PIL import Image

from imaging.gallery_styles import gallery_styles
from params.style_argument import StyleArgument


def test_the_gallery_is_complete() -> None:
    styles = gallery_styles()
    assert len(styles) == 16
    for style in styles.values():
        with Image.open(style.path) as image:
            assert min(image.size) >= 512
        assert style.description.endswith(".")


def test_names_of_the_gallery_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "painting.jpg"
    file.touch()
    assert StyleArgument().convert("woodcut", None, None) == gallery_styles()["woodcut"].path
    assert StyleArgument(as_id=True).convert("woodcut", None, None) == "woodcut"
    assert StyleArgument(as_id=True).convert(str(file), None, None) == file
    assert StyleArgument(folders=True).convert(str(tmp_path), None, None) == tmp_path
    # A file of that name comes first.
    Path("woodcut").touch()
    assert StyleArgument(as_id=True).convert("woodcut", None, None) == Path("woodcut")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("woodcat", "Did you mean woodcut"),
        ("Night-Oils", "Did you mean night-oils"),
        ("zz", "atelier styles"),
    ],
)
def test_a_misspelt_name_gets_a_suggestion(name: str, words: str) -> None:
    with pytest.raises(click.BadParameter, match=words):
        StyleArgument().convert(name, None, None)


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(click.BadParameter, match="is a folder"):
        StyleArgument().convert(str(tmp_path), None, None)


def test_ids_are_completed() -> None:
    context = click.Context(click.Command("x"))
    found = StyleArgument().shell_complete(context, click.Argument(["style"]), "wo")
    assert [(item.value, item.type) for item in found] == [("woodcut", "plain"), ("wo", "file")]
