from __future__ import annotations

import subprocess
import sys


def test_python_m_atelier_is_the_command_line() -> None:
    command = [sys.executable, "-m", "atelier", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Exit codes:" in shown
    assert "submit" in shown
