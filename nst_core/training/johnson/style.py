"""Resizing of the style picture for a training; its size decides how wide the learnt strokes are."""

from __future__ import annotations

from nst_core.images.picture import Picture, resize_exactly


def style_picture(picture: Picture, size: int) -> Picture:
    """Resize the shorter side of `picture` to `size` pixels, enlarging at most twofold.

    Very long pictures are reduced further, to the pixel count of a picture with sides of 4:1.
    """
    scale = min(2.0, size / min(picture.width, picture.height))
    pixels = picture.width * picture.height * scale**2
    scale *= min(1.0, 2 * size / pixels**0.5)
    width, height = (max(16, round(side * scale)) for side in (picture.width, picture.height))
    return resize_exactly(picture, width, height)
