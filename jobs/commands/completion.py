"""`atelier completion`: scripts for shell completion."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that completes atelier's commands in a shell.

    \b
    bash:  eval "$(atelier completion bash)"               in ~/.bashrc
    zsh:   eval "$(atelier completion zsh)"                in ~/.zshrc
    fish:  atelier completion fish > ~/.config/fish/completions/atelier.fish
    """
    from click.shell_completion import get_completion_class

    from atelier.cli import main

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - the three that Choice takes are click's own
    click.echo(found(main, {}, "atelier", "_ATELIER_COMPLETE").source())
