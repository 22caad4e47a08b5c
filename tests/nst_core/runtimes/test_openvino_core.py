from __future__ import annotations

import subprocess
import sys

import pytest

#: A runtime that another thread drops, and then a signal to the thread that made it.
PROGRAM = """
import gc, signal, threading
import torch
from nst_core.runtimes.openvino import OpenVinoRuntime
from nst_core.networks.slim import SlimAdaIN

kept = [OpenVinoRuntime(SlimAdaIN())]
kept[0].encode(torch.zeros(1, 3, 64, 64))
dropped = threading.Thread(target=lambda: (kept.clear(), gc.collect()))
dropped.start()
dropped.join()
signal.signal(signal.SIGTERM, lambda *ignored: print("handled"))
signal.raise_signal(signal.SIGTERM)
"""


def test_a_signal_survives_a_runtime_that_another_thread_dropped() -> None:
    pytest.importorskip("openvino")
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "handled\n"), ran.stderr
