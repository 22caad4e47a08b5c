from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch

from nst_core.training.checkpoints import CheckpointFolder, TrainingStateError


def state(number: int) -> dict[str, object]:
    return {"number": number, "weights": torch.full((10_000,), float(number))}


def test_the_last_few_and_the_best_are_kept(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, keep=2)
    bests = [
        folder.save(state(step), step=step, score=score)[1]
        for step, score in ((1, 5.0), (2, 1.0), (3, 4.0), (4, 3.0), (5, 2.0))
    ]
    assert bests == [True, True, False, False, False]
    assert [checkpoint.step for checkpoint in folder.checkpoints()] == [2, 4, 5]
    best = folder.best()
    assert best is not None
    assert best.step == 2
    assert folder.load()[0]["number"] == 5


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied"])
def test_a_damaged_newest_gives_way_to_the_one_before(tmp_path: Path, damage: str) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(state(1), step=1, score=1.0)
    newest, _ = folder.save(state(2), step=2, score=1.0)
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes({"cut": data[:-100], "flipped": data, "emptied": b""}[damage])
    loaded, damaged = folder.load()
    assert loaded["number"] == 1
    assert damaged == ["checkpoint-00000002.pt is damaged."]


def test_a_folder_without_an_intact_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingStateError, match="holds no checkpoint"):
        CheckpointFolder(tmp_path / "none").load()
    (tmp_path / "checkpoint-00000001.pt").write_bytes(b"{}")
    with pytest.raises(TrainingStateError, match="is damaged"):
        CheckpointFolder(tmp_path).load()


def test_a_full_disk_leaves_the_older_ones(
    no_room: Callable[[], AbstractContextManager[None]], tmp_path: Path
) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(state(1), step=1, score=1.0)
    with no_room(), pytest.raises(OSError, match="File too large"):
        folder.save(state(2), step=2, score=0.5)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-00000001.pt"]
    assert folder.load()[0]["number"] == 1


def test_a_rollback_deletes_later_checkpoints(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for step in (1, 2, 3):
        folder.save(state(step), step=step, score=1.0)
    folder.delete_after(1)
    assert [checkpoint.step for checkpoint in folder.checkpoints()] == [1]
