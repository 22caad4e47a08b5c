"""Catalog of trained networks, by name and version. A version never changes."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import BindParameter, Select, String, bindparam, delete, func, select
from sqlalchemy.orm import Session

from jobs.blobs.rows import touch_blob
from jobs.catalog.network_header import ARCHITECTURES, MEDIA_TYPE, NetworkHeader, read_header
from jobs.catalog.owned import OwnedCatalog
from jobs.db.engine import new_id, now, reader_of, reading, table
from jobs.db.models.blobs import Blob
from jobs.db.models.owners import Owner
from jobs.db.models.trainings import TrainedNetwork
from jobs.errors import InvalidParamsError, NotFoundError
from jobs.media.pictures import CleanPicture, PictureInfo
from jobs.params.fields import NetworkName
from jobs.params.inputs import NetworkInput
from jobs.params.train import BUNDLED_NETWORKS, is_reserved
from params.tuned_networks import network_tuned_to, tuned_networks

#: Media type of network files; they have no width and height.
FILE_INFO = PictureInfo(media_type=MEDIA_TYPE, width=None, height=None)
_VERSIONED = re.compile(r"(?P<name>[a-z0-9-]+)(?:@(?P<version>[0-9]{1,9}))?")


class NetworkCatalog(OwnedCatalog):
    """The networks of one owner."""

    def all(self) -> list[TrainedNetwork]:
        """The networks of the owner, newest first."""
        own = select(TrainedNetwork).where(TrainedNetwork.owner == self._owner)
        order = (TrainedNetwork.created_at.desc(), TrainedNetwork.id)
        with reading(self._sessions) as session:
            return list(session.scalars(own.order_by(*order)).all())

    def get(self, network_id: str) -> TrainedNetwork:
        """A network by its id. Raises `NotFoundError`."""
        with reading(self._sessions) as session:
            found = session.get(TrainedNetwork, network_id[:36])
        if found is None or found.owner != self._owner:
            raise NotFoundError(f"There is no network {network_id[:64]!r}; see /v1/networks.")
        return found

    def find_by_name(self, name: str) -> TrainedNetwork | None:
        """The network `NAME` (its newest version) or `NAME@VERSION`.

        None for a bundled network. Raises `InvalidParamsError` if there is no such network.
        """
        if name in BUNDLED_NETWORKS or name in tuned_networks():
            return None
        parts = _VERSIONED.fullmatch(name)
        found = None
        if parts is not None:
            own = select(TrainedNetwork).where(
                TrainedNetwork.owner == self._owner, TrainedNetwork.name == parts["name"]
            )
            if parts["version"]:
                own = own.where(TrainedNetwork.version == int(parts["version"]))
            with reading(self._sessions) as session:
                newest = own.order_by(TrainedNetwork.version.desc()).limit(1)
                found = session.scalars(newest).one_or_none()
        if found is None:
            detail = f"There is no network {name[:64]!r}: not bundled, and not of /v1/networks."
            raise InvalidParamsError([("network", detail)])
        return found

    def resolve(self, name: str) -> NetworkInput | None:
        """The network of a job that will be inserted soon, protected from sweeps.

        None for a bundled one that takes any style. Raises as `find_by_name` does.
        """
        if name in tuned_networks():
            return NetworkInput(name=name, sha256=None, styled=True)
        row = self.find_by_name(name)
        return None if row is None else self._input(name, row.sha256, styled=row.styled)

    def tuned_to(self, style_sha256: str) -> NetworkInput | None:
        """The network tuned to a style: the owner's newest, or else a bundled one. As `resolve`."""
        with reader_of(self._sessions).connect() as connection:
            values = {"owner": self._owner, "style": style_sha256}
            row = connection.execute(_TUNED_TO, values).one_or_none()
        if row is not None:
            return self._input(f"{row.name}@{row.version}", row.sha256, styled=row.styled)
        name = network_tuned_to(style_sha256)
        return None if name is None else NetworkInput(name=name, sha256=None, styled=True)

    def tuned_styles(self) -> dict[str, str]:
        """SHA-256 of a style's picture → the network tuned to it, for each style that has one.

        The names are those of `tuned_to`: `NAME@VERSION` of the owner's newest, or a bundled one.
        """
        found = {network.style_sha256: network.name for network in tuned_networks().values()}
        with reading(self._sessions) as session:
            oldest_first = (TrainedNetwork.created_at, TrainedNetwork.id.desc())
            rows = session.scalars(_tuned_networks(self._owner).order_by(*oldest_first)).all()
        own = {row.style_sha256: f"{row.name}@{row.version}" for row in rows if row.style_sha256}
        return found | own

    def _input(self, name: str, sha256: str, *, styled: bool) -> NetworkInput:
        with self._sessions.begin() as session:
            touch_blob(session, sha256)  # no sweep before the job is inserted
        return NetworkInput(name=name, sha256=sha256, styled=styled)

    def file(self, network_id: str) -> tuple[TrainedNetwork, bytes]:
        """A network and the bytes of its file. Raises `NotFoundError`."""
        row = self.get(network_id)
        return row, self._storage.get(row.sha256)

    def picture(self, network_id: str, which: str) -> tuple[Blob, bytes]:
        """The "style" or "sample" picture of a network. Raises `NotFoundError`."""
        row = self.get(network_id)
        sha256 = {"style": row.style_sha256, "sample": row.sample_sha256}.get(which)
        if sha256 is None:
            raise NotFoundError("This network has no such picture.")
        with reading(self._sessions) as session:
            blob = session.get_one(Blob, sha256)
        return blob, self._storage.get(sha256)

    def add_file(self, data: bytes, *, name: str) -> TrainedNetwork:
        """Register an uploaded network file. Raises `InvalidParamsError` or `OverLimitError`."""
        check_network_name(name)
        header = read_header(data)
        sizes = self._store([CleanPicture(data=data, info=FILE_INFO)])
        with self._adding(sizes) as session:
            row = add_version(session, self._owner, name, header, next(iter(sizes)))
        return self.get(row.id)

    def delete(self, network_id: str) -> None:
        """Delete a network; submitted jobs keep its file. Raises `NotFoundError`."""
        self.get(network_id)
        with self._deleting() as session:
            session.execute(delete(TrainedNetwork).where(TrainedNetwork.id == network_id))


def _tuned_networks(owner: str | BindParameter[str]) -> Select[TrainedNetwork]:
    """The owner's networks that are tuned to a style: of one style, of an architecture for any."""
    any_style = [name for name, styled in ARCHITECTURES.items() if not styled]
    own = TrainedNetwork.owner == owner, TrainedNetwork.styled
    return select(TrainedNetwork).where(*own, TrainedNetwork.architecture.in_(any_style))


_INPUT_COLUMNS = ("name", "version", "sha256", "styled")
# Built once and without the ORM, because every submit with network=auto executes this statement.
_TUNED_TO = (
    _tuned_networks(bindparam("owner", type_=String))
    .with_only_columns(*(table(TrainedNetwork).c[name] for name in _INPUT_COLUMNS))
    .where(TrainedNetwork.style_sha256 == bindparam("style"))
    .order_by(TrainedNetwork.created_at.desc(), TrainedNetwork.id)
    .limit(1)
)


def add_version(
    session: Session,
    owner: str,
    name: str,
    header: NetworkHeader,
    sha256: str,
    *,
    style_sha256: str | None = None,
    sample_sha256: str | None = None,
    job_id: str | None = None,
) -> TrainedNetwork:
    """Insert the next version of the owner's network of that name."""
    # Locks the owner's row: a concurrent insert of the same name waits, and gets the next version.
    session.execute(select(Owner.name).where(Owner.name == owner).with_for_update(key_share=True))
    same_name = (TrainedNetwork.owner == owner, TrainedNetwork.name == name)
    last = session.scalar(select(func.max(TrainedNetwork.version)).where(*same_name)) or 0
    metadata: dict[str, Any] = header.metadata
    row = TrainedNetwork(
        id=new_id(),
        owner=owner,
        name=name,
        version=last + 1,
        architecture=header.architecture,
        styled=header.styled,
        sha256=sha256,
        style_sha256=style_sha256,
        sample_sha256=sample_sha256,
        job_id=job_id,
        settings=_object(metadata.get("training") or metadata.get("settings")),
        figures=_object(metadata.get("figures")),
        created_at=now(session),
    )
    session.add(row)
    return row


def check_network_name(name: str) -> None:
    """Raise `InvalidParamsError` unless `name` can be the name of a trained network."""
    if not re.fullmatch(NetworkName, name):
        detail = (
            "A name has 1 to 64 lower-case letters, digits and dashes, the first a letter or digit."
        )
        raise InvalidParamsError([("name", detail)])
    if is_reserved(name):
        raise InvalidParamsError([("name", f"{name} is the name of a bundled network.")])


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
