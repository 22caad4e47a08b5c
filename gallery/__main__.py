"""Draws the gallery into a folder: `python -m gallery OUT_DIR [--size 768] [--only SLUG]`."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from pathlib import Path

from PIL import Image

from gallery.catalogue import ENTRIES, SIZE, Entry, draw

#: WebP qualities in falling order: the first whose file is small enough is used.
_QUALITIES = range(44, 89, 4)
_MOST_BYTES = 150_000


def encode(picture: Image.Image) -> bytes:
    """The picture as WebP, at the best quality whose file is small enough."""
    low, high, best = 0, len(_QUALITIES) - 1, b""
    while low <= high:
        middle = (low + high) // 2
        target = io.BytesIO()
        picture.save(target, "WEBP", quality=_QUALITIES[middle], method=5)
        if target.tell() <= _MOST_BYTES or middle == 0:
            best, low = target.getvalue(), middle + 1
        else:
            high = middle - 1
    return best


def describe(entry: Entry, size: int) -> dict[str, str | int]:
    """A picture's entry in `gallery.json`."""
    return {
        "slug": entry.slug,
        "title": entry.title,
        "description": entry.description,
        "file": f"{entry.slug}.webp",
        "seed": entry.seed,
        "licence": "CC0-1.0",
        "width": size,
        "height": size,
    }


def main(arguments: list[str] | None = None) -> None:
    """Draw all pictures, or one, and write the catalogue."""
    parser = argparse.ArgumentParser(prog="python -m gallery", description="Draw the starter gallery.")
    parser.add_argument("folder", type=Path, help="where to write the pictures and gallery.json")
    parser.add_argument("--size", type=int, default=SIZE, help="pixels along an edge")
    parser.add_argument(
        "--only", choices=[entry.slug for entry in ENTRIES], help="draw one picture alone"
    )
    chosen = parser.parse_args(arguments)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for entry in ENTRIES:
        if chosen.only not in (None, entry.slug):
            continue
        begun = time.process_time()
        data = encode(draw(entry.slug, chosen.size))
        (chosen.folder / f"{entry.slug}.webp").write_bytes(data)
        spent = time.process_time() - begun
        sys.stdout.write(f"{entry.slug:16} {len(data) / 1000:6.0f} kB {spent:6.1f} s\n")
        sys.stdout.flush()
    listing = [describe(entry, chosen.size) for entry in ENTRIES]
    text = json.dumps(listing, indent=2, ensure_ascii=False) + "\n"
    (chosen.folder / "gallery.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
