"""Catalog of styles: the starter gallery of every installation, and owners' own styles."""

from __future__ import annotations

from sqlalchemy import delete, or_, select

from imaging.gallery_styles import gallery_styles
from jobs.blobs.rows import store_blob
from jobs.catalog.owned import OwnedCatalog
from jobs.db.engine import new_id, now, reading
from jobs.db.models.catalog import Style
from jobs.errors import ConflictError, InvalidParamsError, NotFoundError
from jobs.media.pictures import Upload, inspect_picture
from jobs.media.sandbox import check_picture


class StyleCatalog(OwnedCatalog):
    """The gallery, and the styles of one owner."""

    def all(self) -> list[Style]:
        """The gallery in its order, then the owner's own styles, newest first."""
        own = Style.owner == self._owner
        order = (Style.owner.isnot(None), Style.position, Style.created_at.desc(), Style.id)
        with reading(self._sessions) as session:
            found = select(Style).where(or_(own, Style.owner.is_(None))).order_by(*order)
            return list(session.scalars(found).all())

    def add(self, upload: Upload, *, title: str) -> Style:
        """Register a style of the owner.

        Raises `InvalidParamsError`, `OverLimitError` or what `check_picture` raises.
        """
        title = title.strip()
        if not 1 <= len(title) <= 120 or not title.isprintable():
            raise InvalidParamsError([("title", "A title of 1 to 120 characters is needed.")])
        limits = self._settings.decode_limits
        picture = check_picture(upload.data, limits, name=upload.name, pointer=upload.field)
        sizes = self._store([picture])
        with self._adding(sizes) as session:
            style = Style(
                id=new_id(),
                owner=self._owner,
                title=title,
                description="",
                position=0,
                sha256=next(iter(sizes)),
                created_at=now(session),
            )
            session.add(style)
        return self.get(style.id)

    def delete(self, style_id: str) -> None:
        """Delete a style of the owner; submitted jobs keep its picture.

        Raises `NotFoundError`, or `ConflictError` for a style of the gallery.
        """
        deletion = delete(Style).where(Style.id == style_id, Style.owner == self._owner)
        with self._deleting() as session:
            deleted = session.execute(deletion.returning(Style.id)).one_or_none() is not None
        if deleted:
            return
        style = self.find(style_id)
        raise ConflictError(f"{style.title} belongs to the gallery and can't be deleted.")

    def get(self, style_id: str) -> Style:
        """A style that a request names. Raises `InvalidParamsError` if there is none."""
        with reading(self._sessions) as session:
            style = session.get(Style, style_id)
        if style is None or style.owner not in (None, self._owner):
            detail = f"There is no style {style_id[:64]!r}; see /v1/styles."
            raise InvalidParamsError([("style_id", detail)])
        return style

    def sha256(self, style_id: str) -> str:
        """The SHA-256 of a style's picture. Raises `InvalidParamsError` if there is none."""
        return self.get(style_id).sha256

    def image(self, style_id: str) -> tuple[Style, bytes]:
        """A style and the bytes of its picture. Raises `NotFoundError`."""
        style = self.find(style_id)
        return style, self._storage.get(style.sha256)

    def find(self, style_id: str) -> Style:
        """A style by its id. Raises `NotFoundError`."""
        try:
            return self.get(style_id)
        except InvalidParamsError as error:
            raise NotFoundError(error.errors[0][1]) from None

    def register_gallery(self) -> int:
        """Register the bundled styles (idempotent); returns the number of new styles."""
        with reading(self._sessions) as session:
            known = {style.id: style.sha256 for style in session.scalars(select(Style)).all()}
        added = 0
        for position, entry in enumerate(gallery_styles().values()):
            data = entry.path.read_bytes()
            info = inspect_picture(data, name=entry.path.name, max_pixels=10_000_000)
            sha256 = store_blob(self._sessions, self._storage, data, info)
            if known.get(entry.id) == sha256:
                continue
            with self._sessions.begin() as session:
                session.merge(
                    Style(
                        id=entry.id,
                        title=entry.title,
                        description=entry.description,
                        position=position,
                        sha256=sha256,
                        created_at=now(session),
                    )
                )
            added += entry.id not in known
        return added
