"""Preflight check of a training: problems of its pictures, memory that it needs, estimated time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from nst_core.errors import NstError
from nst_core.images.picture import Picture, PictureError, read_picture
from nst_core.training.data import DataError
from nst_core.training.errors import TrainingError
from nst_core.training.events import Notice, OnEvent

if TYPE_CHECKING:
    from params.training import JohnsonTrainConfig, TuneTrainConfig

    Config = JohnsonTrainConfig | TuneTrainConfig

Level = Literal["error", "warning", "info"]
#: With fewer photographs than this the network overfits; a tuning changes only the decoder.
MIN_PHOTOS, MIN_PHOTOS_OF_TUNING = 50, 6
#: Photographs that are checked before a training starts, at most; `diagnose` on its own checks all.
_MAX_CHECKED_PHOTOS = 300
#: Files named in a finding, at most.
_MAX_NAMED_FILES = 20
#: Memory for activations, in bytes per pixel of a batch: measured, rounded up.
_BYTES_PER_PIXEL = 10_000
_BYTES_PER_PIXEL_CHECKPOINTED = 6_000
_FIXED_MB = 400
#: Shorter side of a style, in pixels, below which it is blurred when enlarged; and standard deviation
#: of its pixel values (0 to 255) below which it is called flat.
_MIN_STYLE_SIDE = 128
_MIN_STYLE_DEVIATION = 6.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A problem of the data or the machine. `files` names the first few files concerned."""

    level: Level
    code: str
    message: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Estimated cost of the whole training, from one timed step."""

    seconds: float
    memory_mb: int
    images_per_second: float


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Result of a preflight check, the worst finding first.

    `photos` counts the readable photographs; `estimate` is None if no step could be timed.
    """

    findings: tuple[Finding, ...] = ()
    estimate: Estimate | None = None
    photos: int = 0

    @property
    def ok(self) -> bool:
        """Whether there is no error, so that the training can start."""
        return all(finding.level != "error" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return {"ok": self.ok, **asdict(self)}


@dataclass
class _Survey:
    """Photographs sorted by what reading them showed."""

    good: list[Path] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)
    tiny: list[Path] = field(default_factory=list)
    duplicates: list[Path] = field(default_factory=list)


def diagnose(
    contents: Path | Sequence[Path],
    style: Path,
    config: Config,
    *,
    device: str = "auto",
    measure: bool = True,
) -> Diagnosis:
    """Read every picture once, and time one training step if `measure`.

    Bad pictures become findings, not exceptions.
    """
    findings: list[Finding] = []
    try:
        paths = _paths(contents)
    except DataError as error:
        return Diagnosis(findings=(Finding(level="error", code="no_photos", message=str(error)),))
    survey = _survey(paths, config.image_size)
    findings += _check_photos(survey, config)
    picture, about = _check_style(style, config)
    findings += about
    memory = memory_mb(config)
    findings += _check_memory(memory, device)
    estimate = None
    if picture is not None and survey.good and measure:
        try:
            estimate = _estimate(survey.good, style, config, device, memory)
        except NstError as error:
            findings.append(Finding(level="error", code="cannot_train", message=str(error)))
    order = {"error": 0, "warning": 1, "info": 2}
    findings.sort(key=lambda finding: order[finding.level])
    return Diagnosis(findings=tuple(findings), estimate=estimate, photos=len(survey.good))


def readable_pictures(paths: Sequence[Path], emit: OnEvent) -> list[Path]:
    """The paths whose header can be read; the others are named in a notice.

    Raises `TrainingError` if none can be read.
    """
    from PIL import Image

    readable, unreadable = [], []
    for path in paths:
        try:
            with Image.open(path) as image:
                image.verify()
            readable.append(path)
        except Exception:  # Pillow raises errors of many classes for broken files
            unreadable.append(path.name)
    if unreadable:
        names = ", ".join(unreadable[:_MAX_NAMED_FILES])
        names += " …" if len(unreadable) > _MAX_NAMED_FILES else ""
        message = f"{len(unreadable)} files can't be read and are left out: {names}."
        emit(Notice(step=0, code="unreadable", message=message))
    if not readable:
        raise TrainingError("None of the pictures can be read.")
    return readable


def report_preflight(
    photos: Sequence[Path],
    style: Path,
    config: Config,
    emit: OnEvent,
    device: str = "auto",
    *,
    measure: bool = True,
) -> None:
    """Run `diagnose` before a training and emit its findings and the estimate as notices.

    Checks at most `_MAX_CHECKED_PHOTOS` photographs, evenly over all. Raises `TrainingError` for a
    finding of level "error".
    """
    stride = -(-len(photos) // _MAX_CHECKED_PHOTOS)
    diagnosis = diagnose(photos[::stride], style, config, device=device, measure=measure)
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


def memory_mb(config: Config) -> int:
    """Estimated memory of a training in MB, without the cache of photographs."""
    checkpointed = getattr(config, "gradient_checkpointing", False)
    each = _BYTES_PER_PIXEL_CHECKPOINTED if checkpointed else _BYTES_PER_PIXEL
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
            survey.unreadable.append(path)
            continue
        digest = hashlib.sha256(picture.pixels.tobytes()).digest()
        if digest in seen:
            survey.duplicates.append(path)
            continue
        seen.add(digest)
        survey.good.append(path)
        if min(picture.width, picture.height) < size // 2:
            survey.tiny.append(path)
    return survey


def _check_photos(survey: _Survey, config: Config) -> list[Finding]:
    found = []
    count = len(survey.good)
    if survey.unreadable:
        message = f"{len(survey.unreadable)} files can't be read and are left out."
        found.append(_finding("warning", "unreadable", message, survey.unreadable))
    if survey.duplicates:
        message = f"{len(survey.duplicates)} photographs are duplicates; each copy is trained on."
        found.append(_finding("warning", "duplicate", message, survey.duplicates))
    if survey.tiny:
        count_of_tiny, side = len(survey.tiny), config.image_size
        message = f"{count_of_tiny} photographs are smaller than half the crop of {side} pixels."
        found.append(_finding("warning", "tiny", message, survey.tiny))
    if not count:
        found.append(_finding("error", "no_photos", "None of the photographs can be read.", ()))
    elif count < (enough := MIN_PHOTOS_OF_TUNING if _is_tuning(config) else MIN_PHOTOS):
        message = f"{count} photographs are few; with {enough} or more the network generalises better."
        found.append(_finding("warning", "too_few", message, ()))
    return found


def _check_style(style: Path, config: Config) -> tuple[Picture | None, list[Finding]]:
    try:
        picture = read_picture(style)
    except (PictureError, OSError) as error:
        return None, [_finding("error", "style_unreadable", str(error), (style,))]
    found = []
    style_side = config.style_size or config.image_size
    if min(picture.width, picture.height) < max(_MIN_STYLE_SIDE, style_side // 2):
        message = (
            f"The style has only {picture.width}×{picture.height} pixels; enlarged to "
            f"{style_side} for the training, its strokes look soft."
        )
        found.append(_finding("warning", "style_small", message, (style,)))
    if float(picture.pixels.std(axis=(0, 1)).mean()) < _MIN_STYLE_DEVIATION:
        message = "The style is nearly one flat colour: it has no strokes to learn."

        found.append(_finding("warning", "style_flat", message, (style,)))
    return picture, found


def _check_memory(needed: int, device: str) -> list[Finding]:
    free = _free_mb(device)
    if free is None:
        return []
    if needed > free:
        message = (
            f"The training takes about {needed} MB and {free} MB are free. Lower the batch size or the "
            "size of the crops, or use gradient checkpointing where there is that setting."
        )
        return [_finding("error", "memory", message, ())]
    if needed > 0.8 * free:
        message = f"The training takes about {needed} of the {free} MB that are free."
        return [_finding("warning", "memory", message, ())]
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


def _estimate(
    photos: Sequence[Path], style: Path, config: Config, device: str, memory: int
) -> Estimate:
    """Time the second of two real steps; the first one compiles and warms up."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        step = _training_step(photos[:64], style, config, device, Path(folder))
        for _ in range(2):
            started = time.perf_counter()
            step()
            spent = time.perf_counter() - started
    return Estimate(
        seconds=round(spent * config.max_steps, 1),
        memory_mb=memory,
        images_per_second=round(config.batch_size / spent, 2),
    )


def _training_step(
    photos: Sequence[Path], style: Path, config: Config, device: str, folder: Path
) -> Callable[[], object]:
    """A function that does one real step of a training."""
    from nst_core.training.johnson.trainer import JohnsonTrainer
    from nst_core.training.tune.trainer import TuneTrainer
    from params.training import TuneTrainConfig

    if isinstance(config, TuneTrainConfig):
        return TuneTrainer(config, photos, style, folder, device=device).advance
    trainer = JohnsonTrainer(config, photos, style, folder, device=device)
    batch = trainer.crops[0]

    def step() -> None:
        losses, _ = trainer.losses(batch)
        trainer.state.optimizer_step(losses.total)
        float(losses.total.detach())  # waits for a GPU

    return step


def _is_tuning(config: Config) -> bool:
    from params.training import TuneTrainConfig

    return isinstance(config, TuneTrainConfig)


def _finding(level: Level, code: str, message: str, files: Sequence[Path]) -> Finding:
    named = tuple(path.name for path in files[:_MAX_NAMED_FILES])
    return Finding(level=level, code=code, message=message, files=named)
