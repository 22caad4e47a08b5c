"""Parameters of `video` jobs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jobs.params.fields import NetworkField, StyleMix
from params.painting import Size
from params.tuned_networks import AUTO
from params.video import VideoFormat, VideoSettings


class VideoParams(VideoSettings):
    """Parameters of a `video` job: the settings of the command line, within the service's limits."""

    size: Annotated[Size, Field(ge=32, le=4096)] = None
    format: VideoFormat = Field("mp4", description=VideoSettings.model_fields["format"].description)
    network: NetworkField = AUTO
    styles: StyleMix = Field([])
