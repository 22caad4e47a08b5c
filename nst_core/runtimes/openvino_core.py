"""The one OpenVINO core of this process. Imported only where OpenVINO is used."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def openvino_core() -> Any:
    """An `openvino.Core` that lives as long as the process.

    Its CPU plugin gives the thread that first compiles a stack of its own for signals, and frees it
    with the core. A core that is collected in another thread leaves the first one with a stack that is
    not there, and the next signal to it (Ctrl-C, SIGTERM) kills the process with a segmentation fault.
    Seen with OpenVINO 2026.4.
    """
    import openvino

    return openvino.Core()
