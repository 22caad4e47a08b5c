"""Pool of child processes with limits of memory and time, which replaces dead children by itself.

Each child has a pipe and a thread of its own, so the death of one child can neither block nor corrupt
another. (pebble's pool shares one pipe and one lock between its children: when an idle child is killed,
the whole pool stops for good.)
"""

from __future__ import annotations

import fcntl
import logging
import resource
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from jobs.media.decoded_photos import MAX_PHOTO_BYTES
from jobs.media.fair_queue import FairQueue
from jobs.media.freed_memory import keep_freed_memory
from jobs.media.shared_bytes import SharedBytes

#: Tasks after which a child is replaced, so that leaks of decoders stay small.
MAX_TASKS = 5_000
#: Bytes that the pipe for files holds; Linux allows unprivileged users no more.
PIPE_BYTES = 1 << 20
#: Bytes that a task can give back besides its outcome (`WithBytes`).
SHARED_BYTES = MAX_PHOTO_BYTES

# Spawned, not forked: a fork of a threaded server may inherit a lock that is never released.
_CONTEXT = get_context("spawn")
# `multiprocessing` collects the exit codes of all children when it starts one, in whichever thread does
# so first; the lock keeps an exit code from being collected twice.
_PROCESSES = threading.Lock()

log = logging.getLogger(__name__)


class ChildDiedError(Exception):
    """The child process died while it ran the task."""


class ChildStartError(Exception):
    """No child process could be started: the machine has no memory or no process left."""


class NotInTimeError(Exception):
    """The task was still waiting for a child when its time was over."""


#: Called with the outcome of a task and the bytes that came with it.
Receiver = Callable[[Any, memoryview], object]


@dataclass(frozen=True)
class WithBytes:
    """What a task returns to give back many bytes, through memory and not through a pipe."""

    outcome: Any
    parts: Sequence[bytes]


class _Task:
    def __init__(
        self,
        call: tuple[Callable[..., Any], tuple[Any, ...]],
        seconds: float,
        deadline: float | None,
        receive: Receiver | None,
    ) -> None:
        self.call = call
        self.seconds = seconds
        self.deadline = deadline
        self.receive = receive
        self.future: Future[Any] = Future()


class DecoderPool:
    """Runs tasks in `processes` children of `megabytes` of memory each, which can't write files.

    Owners take turns: one who sends many tasks delays another's by one task for each child.
    """

    def __init__(self, *, megabytes: int, processes: int) -> None:
        self._tasks: FairQueue[_Task] = FairQueue()
        self._children = [_Child(megabytes, self._tasks) for _ in range(processes)]

    def submit(
        self,
        function: Callable[..., Any],
        *args: Any,
        seconds: float,
        owner: str = "",
        deadline: float | None = None,
        receive: Receiver | None = None,
    ) -> Future[Any]:
        """Run a function of a module in a child; it may take so many seconds once it has started.

        If the function returns `WithBytes` of at most `SHARED_BYTES`, `receive` is called in a thread
        of the pool before the task ends; the bytes are valid during the call.

        A task that has not started at the monotonic time `deadline` is not run. The future raises the
        function's error, `TimeoutError`, `ChildDiedError`, `ChildStartError` or `NotInTimeError`.
        A task whose child was killed with SIGKILL (by an operator, or by the kernel when memory ran
        out) is tried once more, in a new child.
        """
        task = _Task((function, args), seconds, deadline, receive)
        self._tasks.put(owner, task)
        return task.future

    def check(self, seconds: float) -> None:
        """Raise an error of `submit` unless a child completes a task within `seconds`.

        Returns at once while every child is busy: each task has a time limit of its own.
        """
        if not all(child.busy for child in self._children):
            self.submit(int, seconds=seconds).result(seconds)

    @property
    def pids(self) -> list[int]:
        """Process ids of the living children."""
        return [child.pid for child in self._children if child.pid is not None]


class _Child:
    """A child process, and the thread that starts it, sends it tasks, and replaces it."""

    def __init__(self, megabytes: int, tasks: FairQueue[_Task]) -> None:
        self._megabytes = megabytes
        self._tasks = tasks
        self._process: Any = None
        self._pipe: Connection | None = None
        self._files: Connection | None = None
        self._shared = SharedBytes(SHARED_BYTES)
        self._done = 0
        self.busy = False
        threading.Thread(target=self._run, name="decoder", daemon=True).start()

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.is_alive() else None

    def _run(self) -> None:
        while True:
            try:
                self._ensure_started()
            except ChildStartError as error:  # the next task tries again
                log.warning("a decoder could not be started: %s", error.__cause__)
            task = self._tasks.get()
            if not task.future.set_running_or_notify_cancel():
                del task
                continue
            self.busy = True
            try:
                if task.deadline is not None and time.monotonic() >= task.deadline:
                    raise NotInTimeError
                task.future.set_result(self._perform(task))
            except BaseException as error:
                task.future.set_exception(error)
            finally:
                self.busy = False
                # References to a large picture must not outlive the task.
                del task

    def _perform(self, task: _Task) -> Any:
        for is_last in (False, True):
            self._ensure_started()
            try:
                succeeded, outcome, size = self._exchange(task)
            except TimeoutError:  # an OSError too
                raise
            except (EOFError, OSError):
                exit_code = self._stop()
                if exit_code != -signal.SIGKILL or is_last:
                    raise ChildDiedError(f"exit code {exit_code}") from None
                log.warning("a decoder was killed; its task is tried once more")
                continue
            if not succeeded:
                raise outcome
            if size and task.receive is not None:
                with self._shared.view(size) as shared:
                    task.receive(outcome, shared)
            return outcome
        raise AssertionError  # the second round returns or raises

    def _exchange(self, task: _Task) -> tuple[bool, Any, int]:
        """Send the task; receive whether it succeeded, its outcome, and the number of shared bytes.

        Raises `TimeoutError`, and `EOFError` or another `OSError` if the child dies.
        """
        assert self._pipe is not None and self._files is not None  # noqa: S101, PT018 - both are made
        late = threading.Event()

        def kill(process: Any) -> None:
            late.set()
            process.kill()

        # A timer and not a timeout of `recv`: sending blocks too, if the child does not read.
        timer = threading.Timer(task.seconds, kill, [self._process])
        timer.daemon = True
        timer.start()
        try:
            function, args = task.call
            has_file = bool(args) and isinstance(args[0], bytes)
            self._pipe.send((function, args[1:] if has_file else args, has_file))
            if has_file:
                self._files.send_bytes(args[0])
            answer: tuple[bool, Any, int] = self._pipe.recv()
        except (EOFError, OSError):
            if late.is_set():
                self._stop()
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()
        self._done += 1
        return answer

    def _ensure_started(self) -> None:
        """Start a child if there is none, or if it is dead or worn out. Raises `ChildStartError`."""
        if self.pid is not None and self._done < MAX_TASKS:
            return
        self._stop()
        ours, theirs = _CONTEXT.Pipe()
        their_files, our_files = _CONTEXT.Pipe(duplex=False)
        _enlarge(our_files)
        process = _CONTEXT.Process(
            target=_serve,
            args=(theirs, their_files, self._shared, self._megabytes),
            name="decoder",
            daemon=True,
        )
        try:
            with _PROCESSES:
                process.start()
        except OSError as error:
            ours.close()
            our_files.close()
            raise ChildStartError from error
        finally:
            theirs.close()
            their_files.close()
        self._pipe, self._files, self._process, self._done = ours, our_files, process, 0

    def _stop(self) -> int | None:
        """Kill the child, if there is one; returns its exit code, -9 if it was not dead before."""
        process, self._process = self._process, None
        if process is None or self._pipe is None or self._files is None:
            return None
        self._pipe.close()
        self._files.close()
        with _PROCESSES:
            process.kill()
            process.join()
        exit_code: int | None = process.exitcode
        return exit_code


def _enlarge(files: Connection) -> None:
    """Let a pipe hold a whole photo; otherwise two processes wait for each other every 64 kB."""
    # Unprivileged users may have many, but not any number of, large pipes: then they stay small.
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux
        with suppress(OSError):
            fcntl.fcntl(files.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _serve(pipe: Connection, files: Connection, shared: SharedBytes, megabytes: int) -> None:
    """Run tasks until the pipe is closed: the main function of a child.

    A file, the first argument of a task, comes through a pipe of its own, without being pickled.
    """
    # Ctrl-C reaches every process of a terminal; the parent ends this process itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_resources(megabytes)
    keep_freed_memory(arenas=1)
    while True:
        try:
            function, args, has_file = pipe.recv()
            if has_file:
                args = (files.recv_bytes(), *args)
        except (EOFError, OSError, MemoryError):
            return
        try:
            outcome, size = function(*args), 0
            if isinstance(outcome, WithBytes):
                outcome, size = outcome.outcome, shared.write(outcome.parts)
            answer = True, outcome, size
        except BaseException as error:
            answer = False, error, 0
        outcome = None  # large bytes must not outlive the task
        del function, args
        try:
            pipe.send(answer)
        except MemoryError as error:
            pipe.send((False, error, 0))


def _limit_resources(megabytes: int) -> None:
    """Limit memory of the current process; forbid writing files and core dumps."""
    limit = megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
