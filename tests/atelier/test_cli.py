from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

import atelier
from atelier.cli import main


def test_python_m_atelier_is_the_command_line() -> None:
    command = [sys.executable, "-m", "atelier", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Exit codes:" in shown
    assert "submit" in shown


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [(["styliize"], "stylize"), (["trainings", "lst"], "list"), (["bench", "servce"], "service")],
)
def test_a_misspelt_command_gets_a_suggestion(typed: list[str], suggested: str) -> None:
    result = CliRunner().invoke(main, typed)
    assert result.exit_code == 2
    assert f"'{suggested}'" in result.stderr


def test_the_help_shows_whole_sentences() -> None:
    """Each first line fits beside the name of its command on a terminal of 80 columns."""
    shown = CliRunner().invoke(main, ["--help"], terminal_width=80).stdout
    _, _, listed = shown.partition("The service:")
    assert "..." not in listed
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(70) in shown


def test_importing_the_client_package_loads_no_http_library() -> None:
    code = "import sys, atelier; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert all(getattr(atelier, name) is not None for name in atelier.__all__)
    with pytest.raises(AttributeError, match="Cleint"):
        _ = atelier.Cleint


def commands_of(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """A command and all below it."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from commands_of(found, f"{name} {inner}")


def test_every_option_is_explained() -> None:
    silent = [
        f"{name} {option.opts[0]}"
        for name, command in commands_of(main, "atelier")
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert silent == []
