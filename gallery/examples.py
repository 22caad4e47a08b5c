"""Paints the sample photographs of the studio's first page: `python -m gallery.examples FILE=STYLE …`.

Run it again after the networks or the gallery have changed, and look at the pictures first.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

#: Long side of an example in pixels, and of the picture that it is shrunk from.
SIDE, RENDER_SIDE = 256, 576
ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "web" / "static" / "studio" / "examples"


def paint(photo: Path, style: Path, out: Path) -> None:
    """Paint `photo` at full strength with the command `atelier stylize`, and save a small WebP."""
    with tempfile.TemporaryDirectory() as folder:
        painted = Path(folder) / "painted.png"
        command = [
            sys.executable,
            "-m",
            "atelier",
            "stylize",
            str(photo),
            str(style),
            "-o",
            str(painted),
        ]
        subprocess.run([*command, "--size", str(RENDER_SIDE), "--alpha", "1"], check=True)
        with Image.open(painted) as picture:
            small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    out.parent.mkdir(parents=True, exist_ok=True)
    small.save(out, "WEBP", quality=76)


def main() -> None:
    """Paint the photographs of the command line, each `FILE=STYLE`, such as `chelsea.png=woodcut`."""
    found = find_spec("skimage")
    if found is None or found.origin is None:
        sys.exit("The sample photographs come from the package scikit-image, which is not installed.")
    photos = Path(found.origin).parent / "data"
    for pair in sys.argv[1:]:
        file, _, style = pair.partition("=")
        out = EXAMPLES / f"{Path(file).stem}.webp"
        paint(photos / file, ROOT / "jobs" / "gallery" / f"{style}.webp", out)


if __name__ == "__main__":
    main()
