"""Looks at the pictures and the machine before a training: what is wrong, and what it will cost."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from nst_core.errors import NstError
from nst_core.images.picture import Picture, PictureError, read_picture
from nst_core.training.data import DataError
from nst_core.training.errors import TrainingError
from nst_core.training.events import Notice, OnEvent
from nst_core.training.johnson.config import JohnsonTrainConfig

Level = Literal["error", "warning", "info"]
#: Fewer photographs than that are learnt by heart.
ENOUGH_PHOTOS = 50
#: Files named in a finding at most.
#: The most photographs that are looked through before a training starts.
_CONSULTED = 300
_NAMED = 20
#: Bytes of activations a pixel of a batch takes while it is trained: measured, rounded up.
_BYTES_PER_PIXEL = 10_000
_BYTES_PER_PIXEL_CHECKPOINTED = 6_000
_FIXED_MB = 400
#: Pixels of a style below which it is blurred when enlarged, and of deviation below which it is flat.
_SMALL_STYLE = 128
_FLAT = 6.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about the data or the machine. `files` names at most the first few it is about."""

    level: Level
    code: str
    message: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Of the whole training, from one timed step."""

    seconds: float
    memory_mb: int
    images_per_second: float


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What was found, the worst first. `estimate` is None where nothing can be trained."""

    findings: tuple[Finding, ...] = ()
    estimate: Estimate | None = None
    photos: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way."""
        return all(finding.level != "error" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """JSON values alone."""
        return {"ok": self.ok, **asdict(self)}


@dataclass
class _Survey:
    """What reading every photograph found."""

    good: list[Path] = field(default_factory=list)
    broken: list[Path] = field(default_factory=list)
    tiny: list[Path] = field(default_factory=list)
    twins: list[Path] = field(default_factory=list)


def diagnose(
    contents: Path | Sequence[Path],
    style: Path,
    config: JohnsonTrainConfig,
    *,
    device: str = "auto",
    measure: bool = True,
) -> Diagnosis:
    """Read everything once, and time one training step if `measure`. Never raises for bad pictures."""
    findings: list[Finding] = []
    try:
        paths = _paths(contents)
    except DataError as error:
        return Diagnosis(findings=(Finding(level="error", code="no_photos", message=str(error)),))
    survey = _survey(paths, config.image_size)
    findings += _about_photos(survey, config)
    picture, about = _about_style(style, config)
    findings += about
    memory = memory_mb(config)
    findings += _about_memory(memory, device)
    estimate = None
    if picture is not None and survey.good and measure:
        try:
            estimate = _timed(survey.good, style, config, device, memory)
        except NstError as error:
            findings.append(Finding(level="error", code="cannot_train", message=str(error)))
    order = {"error": 0, "warning": 1, "info": 2}
    findings.sort(key=lambda finding: order[finding.level])
    return Diagnosis(findings=tuple(findings), estimate=estimate, photos=len(survey.good))


def usable(paths: Sequence[Path], emit: OnEvent) -> list[Path]:
    """Those whose header can be read; others are told as notices. Raises `TrainingError` if none is."""
    from PIL import Image

    kept, left = [], []
    for path in paths:
        try:
            with Image.open(path) as image:
                image.verify()
            kept.append(path)
        except Exception:  # Pillow raises whatever a broken file leads it to
            left.append(path.name)
    if left:
        names = ", ".join(left[:_NAMED]) + (" …" if len(left) > _NAMED else "")
        emit(Notice(step=0, code="unreadable", message=f"{len(left)} files are left out: {names}."))
    if not kept:
        raise TrainingError("None of the pictures can be read.")
    return kept


def consult(
    photos: Sequence[Path], style: Path, config: JohnsonTrainConfig, emit: OnEvent, device: str = "auto"
) -> None:
    """Tell, before a training, what `diagnose` finds and what it will cost.

    Looks at no more than `_CONSULTED` photographs, evenly over all. Raises `TrainingError` for what
    stands in the way.
    """
    stride = -(-len(photos) // _CONSULTED)
    diagnosis = diagnose(photos[::stride], style, config, device=device)
    for finding in diagnosis.findings:
        if finding.level == "error":
            raise TrainingError(finding.message)
        if finding.code == "too_few" and stride > 1:
            continue
        named = f" ({', '.join(finding.files)})" if finding.files else ""
        emit(Notice(step=0, code=finding.code, message=f"{finding.message}{named}"))
    if diagnosis.estimate is not None:
        cost = diagnosis.estimate
        minutes = cost.seconds / 60
        emit(
            Notice(
                step=0,
                code="estimate",
                message=f"About {minutes:.0f} minutes for {config.max_steps} steps at "
                f"{cost.images_per_second:g} photographs a second, and {cost.memory_mb} MB of memory.",
            )
        )


def memory_mb(config: JohnsonTrainConfig) -> int:
    """About what a training takes beside the photographs it keeps."""
    each = _BYTES_PER_PIXEL_CHECKPOINTED if config.gradient_checkpointing else _BYTES_PER_PIXEL
    return _FIXED_MB + config.batch_size * config.image_size**2 * each // 1_000_000


def _paths(contents: Path | Sequence[Path]) -> list[Path]:
    from nst_core.training.data import image_paths

    return image_paths(contents) if isinstance(contents, Path) else list(contents)


def _survey(paths: Sequence[Path], size: int) -> _Survey:
    survey, seen = _Survey(), set[bytes]()
    for path in paths:
        try:
            picture = read_picture(path, max_pixels=200_000_000, target_long_side=4 * size)
        except (PictureError, OSError):
            survey.broken.append(path)
            continue
        mark = hashlib.sha256(picture.pixels.tobytes()).digest()
        if mark in seen:
            survey.twins.append(path)
            continue
        seen.add(mark)
        survey.good.append(path)
        if min(picture.width, picture.height) < size // 2:
            survey.tiny.append(path)
    return survey


def _about_photos(survey: _Survey, config: JohnsonTrainConfig) -> list[Finding]:
    found = []
    count = len(survey.good)
    if survey.broken:
        said = f"{len(survey.broken)} files can't be read and are left out."
        found.append(_finding("warning", "unreadable", said, survey.broken))
    if survey.twins:
        said = f"{len(survey.twins)} photographs are there twice; each copy counts again."
        found.append(_finding("warning", "duplicate", said, survey.twins))
    if survey.tiny:
        said = f"{len(survey.tiny)} photographs are under half the crop of {config.image_size} pixels."
        found.append(_finding("warning", "tiny", said, survey.tiny))
    if not count:
        found.append(_finding("error", "no_photos", "Not one photograph can be read.", ()))
    elif count < ENOUGH_PHOTOS:
        said = (
            f"{count} photographs are few: a network sees more of the world in {ENOUGH_PHOTOS} or more."
        )
        found.append(_finding("warning", "too_few", said, ()))
    return found


def _about_style(style: Path, config: JohnsonTrainConfig) -> tuple[Picture | None, list[Finding]]:
    try:
        picture = read_picture(style)
    except (PictureError, OSError) as error:
        return None, [_finding("error", "style_unreadable", str(error), (style,))]
    found = []
    if min(picture.width, picture.height) < max(_SMALL_STYLE, config.style_side // 2):
        said = (
            f"The style has {picture.width}×{picture.height} pixels; its strokes are learnt at "
            f"{config.style_side} and will look soft."
        )
        found.append(_finding("warning", "style_small", said, (style,)))
    if float(picture.pixels.std(axis=(0, 1)).mean()) < _FLAT:
        said = "The style is nearly one flat colour: there are no strokes to learn."
        found.append(_finding("warning", "style_flat", said, (style,)))
    return picture, found


def _about_memory(needed: int, device: str) -> list[Finding]:
    free = _free_mb(device)
    if free is None:
        return []
    if needed > free:
        said = (
            f"The training takes about {needed} MB and {free} MB are free. Lower --batch-size or "
            "--image-size, or use --gradient-checkpointing."
        )
        return [_finding("error", "memory", said, ())]
    if needed > 0.8 * free:
        said = f"The training takes about {needed} of the {free} MB that are free."
        return [_finding("warning", "memory", said, ())]
    return []


def _free_mb(device: str) -> int | None:
    from nst_core.runtimes.choice import choose_device

    if choose_device(device) != "cpu":
        return int(torch.cuda.mem_get_info()[0] // 1_000_000)
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1_000
    except OSError:
        return None
    return None


def _timed(
    photos: Sequence[Path], style: Path, config: JohnsonTrainConfig, device: str, memory: int
) -> Estimate:
    """From the second of two real steps; the first compiles and warms up."""
    from tempfile import TemporaryDirectory

    from nst_core.training.johnson.trainer import JohnsonTrainer

    with TemporaryDirectory() as folder:
        trainer = JohnsonTrainer(config, photos[:64], style, Path(folder), device=device)
        batch = trainer.crops[0]
        for _ in range(2):
            started = time.perf_counter()
            losses, _ = trainer.losses(batch)
            trainer.state.descend(losses.total)
            float(losses.total.detach())  # waits for a GPU
            spent = time.perf_counter() - started
    return Estimate(
        seconds=round(spent * config.max_steps, 1),
        memory_mb=memory,
        images_per_second=round(config.batch_size / spent, 2),
    )


def _finding(level: Level, code: str, message: str, files: Sequence[Path]) -> Finding:
    named = tuple(path.name for path in files[:_NAMED])
    return Finding(level=level, code=code, message=message, files=named)
