"""Checks of the code for CUDA on one device; tests call them, and so does the check script.

Each raises `AssertionError` with what was found. They need no test library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.gpu.clock import is_cuda
from bench.gpu.pictures import JOHNSON, drawn_images, drawn_picture, open_by_name
from nst_core.networks.base import StyleNetwork
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.networks.padding import reflected_by_slices, replicated_by_slices
from nst_core.runtimes.cuda import CudaFeedForward, CudaRuntime
from nst_core.runtimes.pytorch import TorchFeedForward, TorchRuntime
from nst_core.runtimes.recorded_graphs import graphs_of
from nst_core.runtimes.recorder import DirectRecorder, Recorder
from nst_core.stylize.adain_renderer import AdaINRenderer
from nst_core.stylize.memory_limit import MemoryLimit
from nst_core.stylize.plan import Target
from nst_core.training.adam import TrainingAdam
from nst_core.training.recorded_step import PLAIN_STEPS, RecordedStep, step_recorder

Check = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of a check; `reason` is empty if it passed."""

    check: str
    ok: bool
    reason: str


def run_all(device: str) -> list[Outcome]:
    """Run every check; an error of one does not keep the others from running."""
    outcomes = []
    for check in CHECKS:
        try:
            check(device)
            reason = ""
        except Exception as error:  # reported, whatever it is
            reason = f"{type(error).__name__}: {error}"[:500]
        outcomes.append(Outcome(check=check.__name__, ok=not reason, reason=reason))
    return outcomes


def runtime_equals_the_cpu(device: str) -> None:
    """Single precision on the device gives the CPU's picture within half a level."""
    for runtime, reference in _runtimes(device, half=False):
        _near(runtime(), reference(), 0.5)


def half_precision_is_close(device: str) -> None:
    """Half precision is within one and a half levels of the CPU."""
    if is_cuda(device):  # a CPU emulates it in minutes
        for runtime, reference in _runtimes(device, half=True):
            _near(runtime(), reference(), 1.5)


def recordings_give_the_same(device: str) -> None:
    """The first run, the recording and its replays give the same bits, for changing inputs."""
    network = _slim()
    runtime = CudaRuntime(network, device, half=is_cuda(device))
    first, second = torch.split(drawn_images(2, 64), 1)
    style, alpha = _statistics(network), torch.tensor([[0.7]])
    plain = [runtime.render(image, style, alpha) for image in (first, second)]
    before = graphs_of(device).recorded
    again = [runtime.render(image, style, alpha) for image in (first, second, first)]
    if graphs_of(device).recorded == 0:
        raise AssertionError(f"nothing was recorded ({before} before)")
    for output, expected in zip(again, [*plain, plain[0]], strict=True):
        _near(output, expected, 0.25)
    if not torch.equal(again[0], again[2]):
        raise AssertionError("two replays with the same input differ")


def tiles_equal_the_whole(device: str) -> None:
    """A picture in tiles equals the picture as a whole within half a level."""
    network = _slim()
    picture = drawn_picture(640)
    style = _statistics(network)
    outputs = []
    for limit in (MemoryLimit(10**9, 1024, 512), MemoryLimit(1, 512, 512)):
        runtime = CudaRuntime(network, device, half=False)
        renderer = AdaINRenderer(network, runtime, limit=limit)
        encoded = renderer.encode([picture.pixels])
        outputs.append(renderer.decode(encoded, [Target(style, 1.0)]))
    _near(outputs[0], outputs[1], 0.5)


def missing_memory_leads_to_tiles(device: str) -> None:
    """With too little memory allowed, a picture is rendered in tiles and a notice says so."""
    if not is_cuda(device):
        return
    network = _slim()
    notices: list[str] = []
    runtime = CudaRuntime(network, device, half=False, memory_mb=100)
    renderer = AdaINRenderer(network, runtime, memory_mb=100_000, on_notice=notices.append)
    encoded = renderer.encode([drawn_picture(2_048).pixels])
    output = renderer.decode(encoded, [Target(_statistics(network), 1.0)])
    if not notices or not bool(output.isfinite().all()):
        raise AssertionError(f"no tiles: {notices}")


def padding_by_slices_is_padding(device: str) -> None:
    """Slices give the values and the gradients of PyTorch's reflection and replication."""
    for border, mode in ((1, "reflect"), (4, "reflect"), (1, "replicate")):
        x = torch.rand(2, 3, 9, 8, device=device, requires_grad=True)
        own = replicated_by_slices(x) if mode == "replicate" else reflected_by_slices(x, border)
        reference = torch.nn.functional.pad(x, (border,) * 4, mode=mode)
        share = torch.rand_like(reference)
        (mine,) = torch.autograd.grad((own * share).sum(), x)
        (theirs,) = torch.autograd.grad((reference * share).sum(), x)
        torch.testing.assert_close(own, reference, atol=0, rtol=0)
        torch.testing.assert_close(mine, theirs)


def recorded_steps_train_the_same(device: str) -> None:
    """Steps that are replayed from a recording give the losses of steps that run launch by launch."""
    losses = [
        _training_losses(device, step_recorder(device)),
        _training_losses(device, DirectRecorder()),
    ]
    for one, other in zip(*losses, strict=True):
        if not abs(one - other) <= 0.02 * abs(other):
            raise AssertionError(f"losses {losses[0]} instead of {losses[1]}")
    if not losses[0][-1] < losses[0][0]:
        raise AssertionError(f"the losses do not fall: {losses[0]}")


#: All checks, each called with the name of a device.
CHECKS: tuple[Check, ...] = (
    runtime_equals_the_cpu,
    half_precision_is_close,
    recordings_give_the_same,
    tiles_equal_the_whole,
    missing_memory_leads_to_tiles,
    padding_by_slices_is_padding,
    recorded_steps_train_the_same,
)


def _training_losses(device: str, recorder: Recorder | None) -> list[float]:
    """Losses of some steps in which slim learns to give photographs without their colours."""
    network = _slim().to(device).train()
    optimizer = TrainingAdam(network.parameters(), 1e-3, device=device, recorded=recorder is not None)
    # A clone, because a training takes no tensors of the inference mode.
    target = _statistics(_slim()).clone().to(device)

    def one_step(images: Tensor) -> list[Tensor]:
        loss = (network(images, target) - images.mean(1, keepdim=True)).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return [loss.detach()]

    step = RecordedStep(one_step, device, recorder)
    images = drawn_images(1, 64)
    losses = []
    for number in range(PLAIN_STEPS + 5):
        optimizer.set_rate(1e-3 / (1 + number))
        losses.append(float(step(images)[0]))
    if recorder is not None and not step.is_recorded:
        raise AssertionError("the step was not recorded; the log says why")
    return losses


def _slim() -> StyleNetwork:
    network = open_by_name("slim")
    assert isinstance(network, StyleNetwork)  # noqa: S101 - by its name
    return network


def _statistics(network: StyleNetwork) -> Tensor:
    """Statistics (1, S) of a drawn style."""
    with torch.inference_mode():
        return network.statistics(network.encode(drawn_images(2, 64)[1:]))


def _runtimes(device: str, *, half: bool) -> list[tuple[Callable[[], Tensor], Callable[[], Tensor]]]:
    """For each kind of network, a render on the device and the same on the CPU."""
    image, alpha = drawn_images(1, 64), torch.tensor([[0.7]])
    pairs: list[tuple[Callable[[], Tensor], Callable[[], Tensor]]] = []
    for name in ("slim", "full", JOHNSON):
        network = open_by_name(name)
        if isinstance(network, JohnsonNetwork):
            one_style = CudaFeedForward(network, device, half=half)
            plain = TorchFeedForward(network)
            pairs.append((lambda r=one_style: r.run(image), lambda p=plain: p.run(image)))  # type: ignore[misc]
            continue
        style = _statistics(network)
        runtime, reference = CudaRuntime(network, device, half=half), TorchRuntime(network)
        pairs.append(
            (
                lambda r=runtime, s=style: r.render(image, s, alpha),  # type: ignore[misc]
                lambda p=reference, s=style: p.render(image, s, alpha),  # type: ignore[misc]
            )
        )
    return pairs


def _near(output: Tensor, expected: Tensor, levels: float) -> None:
    found = 255 * float((output - expected).abs().max())
    if not found <= levels:
        raise AssertionError(f"{found:.2f} levels apart, more than {levels}")
