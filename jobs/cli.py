"""The `atelier` command line: subcommands are found through entry points and loaded when called."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points, version

import click

GROUP = "atelier.commands"


class LazyGroup(click.Group):
    """A group whose commands are entry points, imported one at a time."""

    def _found(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=GROUP)}

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of all subcommands."""
        return sorted(self._found())

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import one subcommand. A package that it needs and lacks is said in one line."""
        entry = self._found().get(name)
        if entry is None:
            return None
        try:
            command: click.Command = entry.load()
        except ImportError as error:
            raise click.ClickException(f"{name} needs a package that is missing: {error}.") from error
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands under two headings, importing each for its one-line help."""
        service: list[tuple[str, str]] = []
        local: list[tuple[str, str]] = []
        for name, entry in sorted(self._found().items()):
            command = self.get_command(context, name)
            if command is not None:
                row = (name, command.get_short_help_str(70))
                (local if entry.module.startswith("nst_core") else service).append(row)
        for heading, rows in (("The service", service), ("Without a service", local)):
            with formatter.section(heading):
                formatter.write_dl(rows)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("atelier"), message="%(prog)s %(version)s")
def main() -> None:
    """Atelier: an asynchronous job queue for neural style transfer."""


if __name__ == "__main__":
    main()
