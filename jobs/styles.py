"""Registered styles, and the starter gallery that every installation begins with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from jobs.db import SessionFactory, now, reading
from jobs.errors import InvalidParamsError, NotFoundError
from jobs.models import Style
from jobs.pictures import inspect_picture
from jobs.rows import keep_blob
from jobs.storage import BlobStorage

GALLERY = Path(__file__).parent / "gallery"


class StyleCatalogue:
    """The styles of one installation."""

    def __init__(self, sessions: SessionFactory, storage: BlobStorage) -> None:
        self._sessions = sessions
        self._storage = storage

    def all(self) -> list[Style]:
        """All styles, in their order."""
        with reading(self._sessions) as session:
            return list(session.scalars(select(Style).order_by(Style.position, Style.id)).all())

    def get(self, style_id: str) -> Style:
        """A style. Raises `InvalidParamsError` if there is none."""
        with reading(self._sessions) as session:
            style = session.get(Style, style_id)
        if style is None:
            shown = style_id[:64]
            raise InvalidParamsError([("style_id", f"There is no style {shown!r}; see /v1/styles.")])
        return style

    def sha256(self, style_id: str) -> str:
        """The SHA-256 of a style's picture. Raises `InvalidParamsError` if there is none."""
        return self.get(style_id).sha256

    def image(self, style_id: str) -> tuple[Style, bytes]:
        """A style and its picture. Raises `NotFoundError`."""
        try:
            style = self.get(style_id)
        except InvalidParamsError as error:
            raise NotFoundError(error.errors[0][1]) from None
        return style, self._storage.get(style.sha256)

    def register_gallery(self) -> int:
        """Put the bundled styles in; returns how many were new. Doing it twice changes nothing."""
        entries: list[dict[str, Any]] = json.loads((GALLERY / "gallery.json").read_text())
        with reading(self._sessions) as session:
            known = {style.id: style.sha256 for style in session.scalars(select(Style)).all()}
        added = 0
        for position, entry in enumerate(entries):
            data = (GALLERY / entry["file"]).read_bytes()
            info = inspect_picture(data, name=entry["file"], max_pixels=10_000_000)
            sha256 = self._storage.put(data)
            if known.get(entry["slug"]) == sha256:
                continue
            with self._sessions.begin() as session:
                at = now(session)
                keep_blob(session, sha256, len(data), info, at)
                session.merge(
                    Style(
                        id=entry["slug"],
                        title=entry["title"],
                        description=entry["description"],
                        position=position,
                        sha256=sha256,
                        created_at=at,
                    )
                )
            added += entry["slug"] not in known
        return added
