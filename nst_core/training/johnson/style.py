"""The style picture of a training at the size at which its strokes are learnt."""

from __future__ import annotations

from nst_core.images.picture import Picture, resize_exactly


def style_picture(picture: Picture, size: int) -> Picture:
    """`picture` with its shorter side brought to `size` pixels, enlarged at most twofold.

    Ribbons are shrunk further, to the pixels of a picture four times as long as it is wide.
    """
    scale = min(2.0, size / min(picture.width, picture.height))
    pixels = picture.width * picture.height * scale**2
    scale *= min(1.0, 2 * size / pixels**0.5)
    width, height = (max(16, round(side * scale)) for side in (picture.width, picture.height))
    return resize_exactly(picture, width, height)
