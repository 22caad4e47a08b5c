"""Bounds of what a network file says about its network, checked before anything is built from it.

Network files may come from strangers: their settings are arguments of constructors, and decide how much
memory a network takes before its weights are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from params.errors import parse_settings

Width = Annotated[int, Field(ge=1, le=512)]


def _number(value: object) -> object:
    if not isinstance(value, int | float):
        raise ValueError("This is no number.")
    return value


#: A bound of an int8 range, a mean or a deviation.
Value = Annotated[float, Field(ge=-1e6, le=1e6), BeforeValidator(_number)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SlimSettings(_Strict):
    """Settings of `slim_adain`: channels at 1/2, 1/4 and 1/8 of the resolution, and residual blocks."""

    widths: tuple[Width, Width, Width] = (24, 48, 96)
    blocks: int = Field(2, ge=0, le=8)
    code_width: int = Field(128, ge=1, le=1024)


class FullSettings(_Strict):
    """Settings of `full_adain`: the share of VGG's channels."""

    width: float = Field(1.0, gt=0, le=4)


class NoSettings(_Strict):
    """Settings of an architecture of one size."""


class TunedStyle(BaseModel):
    """The style that a network was tuned to."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    statistics: list[Value] | None = Field(None, max_length=10_000)


class AdaINMetadata(BaseModel):
    """Metadata that decides how a network of any style is built; other entries are notes."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    noise: float = Field(0.0, ge=0, le=1)
    style: TunedStyle | None = None
    int8: dict[str, tuple[Value, Value]] | None = Field(None, max_length=1_000)


#: Settings by the architecture of a network of any style.
SETTINGS: dict[str, type[BaseModel]] = {
    "slim_adain": SlimSettings,
    "full_adain": FullSettings,
    "adain_vgg19": NoSettings,
}


def check_network_metadata(architecture: str, metadata: Mapping[str, Any]) -> None:
    """Check the settings and the other metadata from which a network is built.

    Networks of one style have one size and are built from no metadata. Raises `SettingsError`.
    """
    if architecture in SETTINGS:
        check_network_settings(architecture, metadata.get("settings", {}))
        parse_settings(AdaINMetadata, metadata)


def check_network_settings(architecture: str, settings: object) -> None:
    """Check the settings of a network of any style. Raises `SettingsError`."""
    parse_settings(
        SETTINGS[architecture], settings if isinstance(settings, Mapping) else {"": settings}
    )
