"""Animation of the strength dial for the README: `python -m gallery.strength_animation [STYLE] [OUT]`.

The photograph is `chelsea` of scikit-image. Every frame is rendered by `atelier stylize --alphas`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from gallery.photographs import write_photographs

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "images" / "strength.webp"
#: Width of the animation and height of the dial below the picture, in pixels.
WIDTH, DIAL = 480, 44
#: Number of strengths from 0 to 1, and milliseconds for each; the ends stay longer.
STEPS, FRAME_MS, END_MS = 21, 70, 900
INK, TRACK, PAPER = (33, 37, 41), (206, 212, 218), (255, 255, 255)


def render(style: str, folder: Path) -> list[Image.Image]:
    """The photograph at each strength, from 0 to 1."""
    write_photographs(folder)
    alphas = [round(step / (STEPS - 1), 2) for step in range(STEPS)]
    out = folder / "painted.png"
    command = [sys.executable, "-m", "atelier", "stylize", str(folder / "chelsea.png"), style]
    command += ["-o", str(out), "--size", str(WIDTH), "--alphas", ",".join(map(str, alphas))]
    subprocess.run(command, check=True)
    return [Image.open(out.with_name(f"painted-{alpha:g}.png")).convert("RGB") for alpha in alphas]


def with_dial(picture: Image.Image, strength: float) -> Image.Image:
    """The picture above a dial that stands at `strength` (0 to 1)."""
    frame = Image.new("RGB", (picture.width, picture.height + DIAL), PAPER)
    frame.paste(picture, (0, 0))
    draw = ImageDraw.Draw(frame)
    middle, left, right = picture.height + DIAL // 2, 110, picture.width - 84
    at = left + round(strength * (right - left))
    font = ImageFont.load_default(size=17)
    draw.text((16, middle), "Strength", INK, font=font, anchor="lm")
    draw.text((picture.width - 16, middle), f"{strength:.0%}", INK, font=font, anchor="rm")
    draw.rounded_rectangle((left, middle - 3, right, middle + 3), 3, fill=TRACK)
    draw.rounded_rectangle((left, middle - 3, at, middle + 3), 3, fill=INK)
    draw.ellipse((at - 9, middle - 9, at + 9, middle + 9), fill=PAPER, outline=INK, width=3)
    return frame


def main() -> None:
    """Render the frames and write an animated WebP that goes up and down for ever."""
    style = sys.argv[1] if len(sys.argv) > 1 else "night-oils"
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else OUT
    with tempfile.TemporaryDirectory() as folder:
        pictures = render(style, Path(folder))
    up = [with_dial(picture, step / (STEPS - 1)) for step, picture in enumerate(pictures)]
    frames = [*up, *up[-2:0:-1]]
    times = [FRAME_MS] * len(frames)
    times[0] = times[STEPS - 1] = END_MS
    frames[0].save(
        out, save_all=True, append_images=frames[1:], duration=times, loop=0, quality=70, method=6
    )


if __name__ == "__main__":
    main()
