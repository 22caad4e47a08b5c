"""Settings that every rendering has, of a picture or of a video."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from params.working_size import working_side

Strength = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Color = Literal["style", "luminance", "match"]
#: Longer side of a result in pixels; each command and job narrows the range.
Size = Annotated[
    int | None,
    Field(ge=1, description="Long side of the output in pixels; the source's own when left out."),
]


class PaintSettings(BaseModel):
    """Settings of the network and of the colours, the same for each frame of a video."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    color: Color = Field(
        "style",
        description="Where the colours come from: `style` takes the style's; `luminance` keeps the "
        "source's hues and takes only the light; `match` paints with the source's palette.",
    )
    saturation: float = Field(
        1.0,
        ge=0,
        le=2,
        allow_inf_nan=False,
        description="Saturation of the painted colours: 0 is grey, 1 leaves them as they are, 2 "
        "doubles their distance from grey.",
    )
    texture: Strength = Field(
        0.5,
        description="Noise in the source for the network to paint from: 0 is smooth, 1 textured. No "
        "effect for a network that was trained without noise.",
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Pattern of that noise.")


class PictureSettings(PaintSettings):
    """Settings of the rendering of a picture."""

    size: Size = None
    stroke: float | None = Field(
        None,
        ge=0.5,
        le=8,
        allow_inf_nan=False,
        description="Width of the strokes as a share of the picture, the same at every `size`: 1 is "
        "what a picture of 1024 pixels gets. As fine as the size allows when left out.",
    )

    @property
    def longest_side(self) -> int | None:
        """Largest longer side at which a content is used (None: its own), for decoders that reduce."""
        if self.size is None or self.stroke is None:
            return self.size
        return max(self.size, working_side(self.stroke))


class PictureFileSettings(BaseModel):
    """Settings of the file of a picture."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["auto", "png", "jpeg", "webp"] = Field(
        "auto",
        description="Format of the output; `auto` is that of the output file's suffix on the command "
        "line, else the photo's.",
    )
    quality: int = Field(92, ge=1, le=100, description="Quality of JPEG and WebP.")
