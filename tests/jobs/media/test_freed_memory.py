from __future__ import annotations

import subprocess
import sys

#: Page faults of 50 requests in one of a server's threads, with four copies of a photo each.
_COUNT_FAULTS = """
import resource
import sys
import threading
from jobs.media.freed_memory import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory(arenas=2)

def request():
    return [bytearray(1_000_000) for _ in range(4)]

def serve():
    request()
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(50):
        request()
    print(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)

thread = threading.Thread(target=serve)
thread.start()
thread.join()
"""


def faults(how: str) -> int:
    command = [sys.executable, "-c", _COUNT_FAULTS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_large_blocks_are_taken_from_memory_that_was_freed() -> None:
    assert faults("keep") < faults("map") / 10
