"""What README.md, CONTRIBUTING.md and docs/ tell people to type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELL = ("sh", "bash", "shell", "console")


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is that of its fence."""

    document: Path
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """Where it is."""
        return f"{self.document.name}:{self.line}"

    def commands(self) -> list[str]:
        """Of a shell block: each command, and each setting of a variable, on one line."""
        found = []
        for line in self.text.replace("\\\n", " ").splitlines():
            whole = " ".join(re.sub(r"(^|\s)#.*", "", line).split())
            found += [part for part in re.split(r"\s*(?:;|&&)\s+", whole) if part]
        return found


def blocks(document: Path, *languages: str) -> Iterator[Block]:
    """The fenced blocks of a document in these languages."""
    text = document.read_text("utf-8")
    for match in re.finditer(r"^```(\w*)\n(.*?)^```", text, re.M | re.S):
        if match[1] in languages:
            yield Block(document, text.count("\n", 0, match.start()) + 1, match[1], match[2])


def shell_blocks() -> list[Block]:
    """Every block of commands."""
    return [block for document in DOCUMENTS for block in blocks(document, *SHELL)]
