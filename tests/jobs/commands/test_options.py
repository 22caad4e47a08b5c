"""The command line says what the API says: names, ranges, defaults; and completes in three shells."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from atelier.cli import main
from jobs.commands.jobs import submit
from jobs.commands.manage import batch
from jobs.commands.options import HAND_WRITTEN
from jobs.commands.submit_video import submit_video
from jobs.params.kinds import KINDS


@pytest.mark.parametrize(
    ("command", "kind"), [(submit, "stylize"), (batch, "stylize"), (submit_video, "video")]
)
def test_every_parameter_of_the_api_is_an_option(command: click.Command, kind: str) -> None:
    options = {name: option for option in command.params for name in option.opts}
    for name, field in KINDS[kind].params.model_fields.items():
        if name in HAND_WRITTEN:
            continue
        option = options[f"--{name.replace('_', '-')}"]
        # Left out, it is left to the service, whose default the help tells.
        assert option.default is None or not isinstance(option.default, int | float | str)
        assert isinstance(option, click.Option)
        if field.default not in (None, [], False):
            assert f"[default: {field.default}]" in (option.help or "")


@pytest.mark.parametrize(
    "arguments",
    [["--alpha", "1.5"], ["--size", "8"], ["--stroke", "9"], ["--quality", "0"], ["--color", "red"]],
)
def test_what_the_api_would_refuse_is_refused_before_anything_is_sent(
    arguments: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    photo = tmp_path_factory.mktemp("photos") / "photo.jpg"
    photo.write_bytes(b"x")
    result = CliRunner().invoke(main, ["submit", str(photo), "--style-id", "woodcut", *arguments])
    assert result.exit_code == 2
    assert arguments[0] in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert "_ATELIER_COMPLETE" in result.stdout


def test_bash_really_completes() -> None:
    """With the script that we print and the real command behind it."""
    script = CliRunner().invoke(main, ["completion", "bash"]).stdout
    words = (
        'COMP_WORDS=(atelier sub); COMP_CWORD=1; _atelier_completion atelier; echo "${COMPREPLY[@]}"'
    )
    bin_ = sys.executable.rsplit("/", 1)[0]
    code = f'PATH="{bin_}:$PATH"\n{script}\n{words}'
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["submit", "submit-video"], done.stderr


def test_exit_codes_are_told() -> None:
    shown = CliRunner().invoke(main, ["--help"]).stdout
    for code, words in (
        (3, "refused"),
        (4, "can't be reached"),
        (5, "failed"),
        (6, "canceled"),
        (7, "still runs"),
    ):
        assert f"{code}  " in shown
        assert words in shown
