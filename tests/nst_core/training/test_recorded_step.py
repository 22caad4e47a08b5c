"""Recorded steps on the CPU, with a recorder that keeps the rules of CUDA graphs."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import pytest
import torch
from support.tape_recorder import TapeRecorder
from torch import Tensor, nn

from nst_core.runtimes.recorder import DirectRecorder, Recorder, Work
from nst_core.training.adam import TrainingAdam
from nst_core.training.recorded_step import PLAIN_STEPS, RecordedStep, step_recorder


class Fit:
    """A small network that learns to double its input, at a rate that changes."""

    def __init__(self, recorder: Recorder | None, *, recorded: bool = True) -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 3, 1))
        self.optimizer = TrainingAdam(self.network.parameters(), 0.01, device="cpu", recorded=recorded)
        self.step = RecordedStep(self.one_step, "cpu", recorder)
        self.python_ran = 0

    def one_step(self, batch: Tensor, weight: Tensor) -> list[Tensor]:
        self.python_ran += 1
        loss = weight * (self.network(batch) - 2 * batch).square().mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 0.5)
        self.optimizer.step()
        return [loss.detach()]

    def run(self, first: int, last: int) -> list[float]:
        losses = []
        for number in range(first, last):
            batch = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(number))
            self.optimizer.set_rate(0.01 / (1 + number))
            (loss,) = self.step(batch, torch.tensor(1.0 + number))
            losses.append(float(loss))
        return losses


def test_a_replay_is_a_step_and_a_recording_is_none() -> None:
    recorder = TapeRecorder()
    recorded, plain = Fit(recorder), Fit(DirectRecorder())
    assert recorded.run(0, 9) == plain.run(0, 9)
    for one, other in zip(recorded.network.parameters(), plain.network.parameters(), strict=True):
        assert torch.equal(one, other)
    assert (recorder.captured, recorder.replayed) == (1, 9 - PLAIN_STEPS)
    assert recorded.python_ran == PLAIN_STEPS + 1
    assert recorded.step.is_recorded


def test_without_a_recorder_the_same_is_learnt() -> None:
    """A CPU's Adam, with numbers instead of tensors, gives the same but for rounding."""
    eager = Fit(None, recorded=False)
    assert eager.run(0, 9) == pytest.approx(Fit(TapeRecorder()).run(0, 9), rel=1e-4)
    assert not eager.step.is_recorded


def test_a_restored_state_is_recorded_anew() -> None:
    whole = Fit(TapeRecorder())
    expected = whole.run(0, 12)[8:]
    recorder = TapeRecorder()
    parts = Fit(recorder)
    parts.run(0, 6)
    network = {name: value.clone() for name, value in parts.network.state_dict().items()}
    saved = parts.optimizer.state_dict()
    again = TrainingAdam(parts.network.parameters(), 1.0, device="cpu", recorded=False)
    again.load_state_dict(saved)  # a checkpoint that another machine reads
    assert not isinstance(again.param_groups[0]["lr"], Tensor)
    moved = deepcopy(again.state_dict())
    parts.run(6, 8)
    parts.network.load_state_dict(network)
    parts.optimizer.load_state_dict(moved)
    parts.step.forget()
    assert parts.run(6, 12)[2:] == expected
    assert recorder.captured == 2


class Refusing(DirectRecorder):
    def capture(self, work: Work) -> Work:
        raise RuntimeError("operation not permitted when stream is capturing")


def test_what_can_not_be_recorded_goes_on_without_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = Fit(Refusing())
    assert refused.run(0, 8) == Fit(DirectRecorder()).run(0, 8)
    (record,) = caplog.records
    assert "without a CUDA graph: operation not permitted" in record.message


def test_a_value_that_is_read_in_a_step_is_found_out(caplog: pytest.LogCaptureFixture) -> None:
    def reading(value: Tensor) -> Sequence[Tensor]:
        return [value * float(value.sum())]

    step = RecordedStep(reading, "cpu", TapeRecorder())
    outputs = [step(torch.full((2,), 3.0))[0] for _ in range(PLAIN_STEPS + 2)]
    assert all(output.tolist() == [18.0, 18.0] for output in outputs)
    assert "a value is read during a recording" in caplog.text


def test_a_cpu_records_nothing() -> None:
    assert step_recorder("cpu") is None
