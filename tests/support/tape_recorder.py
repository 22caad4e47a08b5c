"""A recorder for the CPU that works as CUDA graphs do, to test what runs in a recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nst_core.runtimes.recorder import DirectRecorder, Work


class TapeRecorder(DirectRecorder):
    """Records the operations of PyTorch, and repeats them on the same tensors without running Python.

    A capture changes no tensor that was there before, and raises `RuntimeError` if a value is read.
    """

    def __init__(self) -> None:
        self.captured = self.replayed = 0

    def capture(self, work: Work) -> Work:
        """See `Recorder`."""
        tape = _Tape()
        with tape:
            outputs = work()
        tape.undo()
        self.captured += 1

        def replay() -> Sequence[Tensor]:
            self.replayed += 1
            tape.replay()
            return outputs

        return replay


class _Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self._calls: list[tuple[Any, Any, dict[str, Any], list[Tensor]]] = []
        self._before: dict[int, tuple[Tensor, Tensor]] = {}
        self._new: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("a value is read during a recording")
        given = {_memory(value) for value in _tensors((args, kwargs))}
        for value in _written(func, args, kwargs):
            place = _memory(value)
            if place not in self._new and place not in self._before:
                self._before[place] = value, value.detach().clone()
        result = func(*args, **kwargs)
        made = [value for value in _tensors(result) if _memory(value) not in given]
        self._new |= {_memory(value) for value in made}
        self._calls.append((func, args, kwargs, made))
        return result

    @torch.no_grad()
    def undo(self) -> None:
        """Put back what the recording has changed."""
        for value, before in self._before.values():
            value.copy_(before)

    @torch.no_grad()
    def replay(self) -> None:
        """Do all operations again; new results go where the recorded ones are."""
        for func, args, kwargs, made in self._calls:
            given = {_memory(value) for value in _tensors((args, kwargs))}
            again = [value for value in _tensors(func(*args, **kwargs)) if _memory(value) not in given]
            for place, value in zip(made, again, strict=True):
                place.copy_(value)


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _memory(value: Tensor) -> int:
    return value.untyped_storage().data_ptr()


def _written(func: Any, args: Any, kwargs: Any) -> list[Tensor]:
    """The tensors that an operation changes in place."""
    schema = func._schema.arguments
    given = {argument.name: value for argument, value in zip(schema, args, strict=False)} | kwargs
    names = [each.name for each in schema if each.alias_info is not None and each.alias_info.is_write]
    return _tensors([given[name] for name in names if name in given])
