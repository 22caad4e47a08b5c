"""Bundles tuned networks of the gallery: copies their files, and writes the table that names them.

Run as `python -m bench.networks.bundle_tuned FOLDER`, where FOLDER holds files of `atelier tune`, each
named after its style in the gallery: `night-oils.safetensors`. Files of other names are refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

from imaging.gallery_styles import gallery_folder
from nst_core.errors import NstError
from nst_core.networks.registry import WEIGHTS, load_network, precisions
from params.tuned_networks import TABLE


def bundle(source: Path, style: Path, weights: Path = WEIGHTS / "tuned", table: Path = TABLE) -> str:
    """Bundle the network file `source` for the picture `style`; returns the network's name.

    Raises `NstError` if the file is not a tuned network with int8 ranges.
    """
    if load_network(source).tuned_style is None or "int8" not in precisions(source):
        raise NstError(f"{source} is not a tuned network with int8 ranges; make it with atelier tune.")
    weights.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, weights / f"{style.stem}.safetensors")
    entries = json.loads(table.read_text())
    name = f"tuned-{style.stem}"
    entries[name] = {"style": _sha256(style), "file": _sha256(source)}
    table.write_text(json.dumps(dict(sorted(entries.items())), indent=2) + "\n")
    return name


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Bundle every file of a folder: `python -m bench.networks.bundle_tuned FOLDER`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path, help="folder of NAME.safetensors")
    for source in sorted(parser.parse_args().folder.glob("*.safetensors")):
        style = gallery_folder() / f"{source.stem}.webp"
        if not style.is_file():
            parser.error(f"{source.name}: the gallery has no style {source.stem}.")
        print(bundle(source, style))  # noqa: T201


if __name__ == "__main__":
    main()
