"""Command-line argument for a style: a picture file, or the id of a style of the gallery."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem


class StyleArgument(click.ParamType[Any]):
    """A file (`pathlib.Path`), or a style of the gallery by its id. A file of that name comes first.

    A gallery style becomes the path of its picture, or with `as_id` its id as text. With `folders`, a
    folder of pictures is taken too. The error for an unknown name suggests the most similar ids.
    """

    name = "style"

    def __init__(self, *, as_id: bool = False, folders: bool = False) -> None:
        self._as_id = as_id
        self._folders = folders

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        """The path or id. Raises `click.BadParameter`."""
        if isinstance(value, Path):
            return value
        from imaging.gallery_styles import gallery_styles

        path, style = Path(value), gallery_styles().get(value)
        if path.is_file() or (self._folders and path.is_dir()):
            return path
        if style is not None:
            return style.id if self._as_id else style.path
        if path.is_dir():
            self.fail(f"{value!r} is a folder; name a picture.", param, ctx)
        self.fail(unknown_style(value), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Ids of the gallery, and files."""
        from imaging.gallery_styles import gallery_styles

        ids = [
            CompletionItem(style.id, help=style.title)
            for style in gallery_styles().values()
            if style.id.startswith(incomplete)
        ]
        return [*ids, CompletionItem(incomplete, type="file")]


def unknown_style(name: str) -> str:
    """The error for a name that is neither a file nor a style of the gallery."""
    from imaging.gallery_styles import gallery_styles

    found = get_close_matches(name.lower(), list(gallery_styles()), n=2)
    hint = f" Did you mean {' or '.join(found)}?" if found else ""
    return f"There is no file and no gallery style {name!r}.{hint} `atelier styles` lists the gallery."
