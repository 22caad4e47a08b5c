"""How each command of the documents is run by `tests/project/test_documented_commands.py`.

A command is in exactly one rule: run as it is written, run with less to do, or not run, with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """`pattern` is of a whole command.

    To have less to do, `add` is appended (the last option of a name counts) and the first of `instead`
    replaced by the second. `before` is what was typed earlier, elsewhere. `at_root` runs in the clone.
    A command that is `once` runs in the first block that has it: no block goes on with what it makes.
    """

    pattern: str
    add: str = ""
    instead: tuple[str, str] = ("", "")
    before: str = ""
    at_root: bool = False
    once: bool = False
    why_not: str = ""

    @property
    def state(self) -> str:
        """One of three."""
        if self.why_not:
            return "not run"
        return "run with less" if self.add or self.instead[0] else "run"

    def script(self, command: str) -> str:
        """What the shell is given."""
        command = command.replace(*self.instead) + (f" {self.add}" if self.add else "")
        command = f"(cd $ROOT && {command})" if self.at_root else command
        return f"{self.before}\n{command}" if self.before else command


TWO_STEPS = "max_steps=2 -F image_size=64"
NEEDS_DOCKER = "needs a Docker engine; tests/project/test_images.py runs what the images run"

RULES = [
    # The API.
    Rule(r"URL=\S+"),
    Rule(r"curl (?!.*(max_steps|example\.org))[\s\S]*"),
    Rule(
        r"curl [\s\S]*example\.org[\s\S]*",
        why_not="fetches from the internet; see tests/web/forms/test_remote_files.py",
    ),
    Rule(r"curl .*max_steps=150 .*", instead=("max_steps=150 -F image_size=128", TWO_STEPS)),
    # Of a running service.
    Rule(r"atelier (submit|submit-video|batch|list|status|wait|download|cancel|completion)\b.*"),
    Rule(r"atelier trainings start .*", add="--max-steps 2 --image-size 64"),
    Rule(
        r"atelier trainings export mine@2 .*",
        before="for _ in 1 2; do atelier trainings start painting.jpg --name mine "
        "--max-steps 1 --image-size 64 --wait; done",
    ),
    Rule(r"atelier keys (create|list)\b.*"),
    Rule(
        r"atelier keys revoke ID",
        instead=("ID", "$(newest keys)"),
        before="atelier keys create --owner bob",
    ),
    # Of no service.
    Rule(r"atelier stylize .*"),
    Rule(r"atelier (export|import) .*", once=True),
    Rule(r"atelier styles"),
    Rule(r"atelier diagnose .*", add="--image-size 64", once=True),
    Rule(r"atelier tune .*", add="--steps 2"),
    Rule(r"atelier optimize .*", add="--steps 1 --levels 1 --size 64"),
    Rule(r"atelier train --content-dir .*", add="--max-steps 2 --image-size 64"),
    Rule(r"atelier train --kind adain .*", add="--steps 2 --decay-steps 1 --batch-size 2"),
    Rule(r"atelier video (?!.*--size 1280).*"),
    Rule(r"atelier video .*--size 1280.*", add="--size 160"),
    Rule(r"atelier evaluate --content (DIR|CONTENTS) .*", add="--size 64"),
    Rule(
        r"atelier evaluate --content PHOTOS .*",
        instead=("PHOTOS --style PAINTINGS", "CONTENTS --style STYLES"),
        add="--size 64",
    ),
    Rule(r"atelier evaluate --video .*"),
    Rule(r"atelier bench (--sizes|--networks) .*", add="--sizes 64 --networks slim --rounds 1"),
    Rule(r"atelier bench training", add="--image-size 32 --batch-size 1 --rounds 1"),
    Rule(r"atelier bench service.*", why_not="takes minutes; see tests/bench/service/test_service.py"),
    Rule(r"atelier bench capacity (?!--check).* --seconds .*"),
    Rule(
        r"atelier bench capacity --rate stylize=4",
        before="atelier submit photo.jpg --style-id woodcut --size 64 -o measured.jpg",
    ),
    Rule(r"atelier bench capacity --check", add="--jobs 20", once=True),
    Rule(r"python -m nst_core.training.johnson.base_network .*", add="--steps 2 --taught-steps 1"),
    Rule(
        r"python -m bench.networks.blend_tuned SOURCE .*",
        why_not="needs a tuned network; see tests/bench/networks/test_blend_tuned.py",
    ),
    Rule(
        r"python -m bench.networks.optimized_pixels PHOTOS .*",
        why_not="takes minutes; see tests/bench/networks/test_optimized_pixels.py",
    ),
    Rule(
        r"python -m bench.networks.tuned_scores PHOTOS .*",
        why_not="takes minutes; see tests/bench/networks/test_tuned_scores.py",
    ),
    # Whole services.
    Rule(r"atelier backup .*"),
    Rule(r"(\w+=\S+ )+atelier restore .*"),
    Rule(r"(\w+=\S+ )*docker compose .*", why_not=NEEDS_DOCKER),
    Rule(r"sudo [\s\S]*", why_not="changes a server; see tests/project/test_two_machines.py"),
    Rule(r"kubectl .*", why_not="changes a cluster; see tests/project/test_kubernetes.py"),
    Rule(r"export ATELIER_URL=.*", why_not="names a server of the reader"),
    Rule(r"pg_dump .*", why_not="needs the programs of the very PostgreSQL that is dumped"),
    Rule(r"rsync .*", why_not="needs rsync, and copies nothing of ours but files"),
    # The clone.
    Rule(r"make demo", at_root=True),
    Rule(r"\.venv/bin/python -m pytest .*", add="--collect-only", at_root=True),
    Rule(r"make (setup|test|test-all)", why_not="whoever runs this has typed it"),
    Rule(r"make gpu-check", why_not="takes minutes; see tests/bench/gpu/test_check.py"),
    Rule(r"make knobs", why_not="takes minutes; see tests/bench/networks/test_training_settings.py"),
    Rule(r"make lint", why_not="of the clone as it is; .ci/run types it"),
    Rule(r"\.venv/bin/pre-commit install", why_not="would change the git hooks of the clone"),
]  # fmt: skip
