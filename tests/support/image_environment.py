"""What an image of the Dockerfile would hold, as a virtual environment.

Its packages of ours, installed from a wheel, and nothing else but what its extras ask for.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Image:
    """Packages of ours, and the extras that they are installed with."""

    packages: list[str]
    extras: set[str]

    @staticmethod
    def of(target: str) -> Image:
        """A stage of the Dockerfile that ends in `pip install '.[extras]'`."""
        stage = re.search(
            rf"^FROM \S+ AS {target}-build\n(.*?)(?=^FROM|\Z)",
            (ROOT / "Dockerfile").read_text(),
            re.MULTILINE | re.DOTALL,
        )
        assert stage is not None, target
        extras = re.search(r"'\.\[([\w,]+)\]'", stage[1])
        assert extras is not None, target
        packages = re.findall(r"^COPY (\w+) \1$", stage[1], re.MULTILINE)
        return Image(packages, set(extras[1].split(",")))

    def build(self, folder: Path) -> Path:
        """Make the environment; returns its `bin`."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        site = next((folder / "lib").glob("python3*")) / "site-packages"
        wheel = self._wheel(folder / "source")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
        own = Distribution.at(next(site.glob("*.dist-info")))
        for found in (own, *closure(own, self.extras)):
            if found is not own:
                _link(found, site)
            _scripts(found, folder / "bin")
        return folder / "bin"

    def _wheel(self, source: Path) -> Path:
        source.mkdir()
        for name in self.packages:
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("constraints.txt", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
            shutil.copy(ROOT / name, source)
        build = "from setuptools import build_meta; build_meta.build_wheel('.')"
        subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
        return next(source.glob("*.whl"))


def closure(root: Distribution, extras: set[str]) -> list[Distribution]:
    """The installed distributions that `root[extras]` needs."""
    found: dict[str, Distribution] = {}
    todo = [(root, frozenset(extras))]
    done = set()
    while todo:
        owner, wanted = todo.pop()
        for line in owner.requires or []:
            requirement = Requirement(line)
            name, asked = canonicalize_name(requirement.name), frozenset(requirement.extras)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in wanted | {""}):
                continue
            if (name, asked) in done:
                continue
            done.add((name, asked))
            try:
                found[name] = distribution(name)
            except PackageNotFoundError:
                continue  # its own import will say so, if it is needed
            todo.append((found[name], asked))
    return list(found.values())


def _link(found: Distribution, site: Path) -> None:
    for top in {file.parts[0] for file in found.files or [] if ".." not in file.parts}:
        source, target = Path(str(found.locate_file(top))), site / top
        if source.exists() and not target.exists() and top != "__pycache__":
            target.symlink_to(source)


def _scripts(found: Distribution, folder: Path) -> None:
    for entry in found.entry_points.select(group="console_scripts"):
        path = folder / entry.name
        module, _, attribute = entry.value.split(" ")[0].partition(":")
        path.write_text(
            # Guarded as pip's are: processes that are spawned import the program again.
            f"#!{folder / 'python'}\nimport sys\nfrom {module} import {attribute}\n"
            f"if __name__ == '__main__':\n    sys.exit({attribute}())\n"
        )
        path.chmod(0o755)
