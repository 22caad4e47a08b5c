"""The `atelier` command line. Subcommands are entry points, which are imported when called."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points, version
from importlib.util import find_spec
from typing import Any

import click

from atelier.exit_codes import HELP as EXIT_CODES_HELP

GROUP = "atelier.commands"

#: Modules whose commands need no service.
LOCAL_MODULES = ("nst_core.", "bench.networks.", "jobs.commands.styles", "jobs.commands.completion")
#: Packages of this project that an installation may lack.
OPTIONAL_PACKAGES = frozenset({"nst_core", "worker", "web", "bench", "migrations"})
#: Module → the extra that installs it, for modules that `pip install atelier` does not install.
EXTRAS = {
    **dict.fromkeys(("numpy", "safetensors", "tensorboardX", "torch", "torchvision"), "worker"),
    **dict.fromkeys(("av", "cv2"), "video"),
    **dict.fromkeys(("onnx", "onnxruntime", "onnxscript"), "export"),
    "openvino": "openvino",
    "boto3": "s3",
    "psycopg": "postgres",
    "skimage": "samples",
}


class SuggestingGroup(click.Group):
    """A command group that suggests names of subcommands for a misspelt one, loaded or not."""

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The subcommand that `args` begin with; a misspelt name gets suggestions."""
        try:
            return super().resolve_command(context, args)
        except click.exceptions.NoSuchCommand as error:
            names = self.list_commands(context)
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=names, ctx=context
            ) from None


class LazyGroup(SuggestingGroup):
    """A command group whose commands are entry points, each imported when it is needed."""

    def _entries(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=GROUP)}

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of all subcommands."""
        return sorted(
            name for name, entry in self._entries().items() if "." not in name and _is_installed(entry)
        )

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import one subcommand. A missing package becomes an error of one line."""
        entries = self._entries()
        if name not in entries or "." in name:
            return None
        inner = {key: entry for key, entry in entries.items() if key.startswith(f"{name}.")}
        command = _load(entries[name])
        return _with_subcommands(command, inner) if inner else command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the subcommands under two headings; each is imported for its short help."""
        service: list[tuple[str, str]] = []
        local: list[tuple[str, str]] = []
        for name, entry in sorted(self._entries().items()):
            if "." in name or not _is_installed(entry):
                continue
            command = self.get_command(context, name)
            if command is not None:
                row = (name, command.get_short_help_str(70))
                (local if entry.module.startswith(LOCAL_MODULES) else service).append(row)
        for heading, rows in (("The service", service), ("Without a service", local)):
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def invoke(self, context: click.Context) -> Any:
        """Run the command. A package that is missing at run time becomes an error of one line."""
        try:
            return super().invoke(context)
        except ModuleNotFoundError as error:
            raise _missing_package(context.invoked_subcommand or "this", error) from error


def _is_installed(entry: EntryPoint) -> bool:
    """Whether the package of the command is installed: a container image has only what it runs."""
    return find_spec(entry.module.partition(".")[0]) is not None


def _load(entry: EntryPoint) -> click.Command:
    try:
        command: click.Command = entry.load()
    except ModuleNotFoundError as error:
        raise _missing_package(entry.name, error) from error
    return command


def _missing_package(command: str, error: ModuleNotFoundError) -> click.ClickException:
    """The error that names the extra to install. Raises `error` for a module of no extra."""
    module = (error.name or "").partition(".")[0]
    if module in OPTIONAL_PACKAGES:
        return click.ClickException(f"{command} is not part of this installation: it has no {module}.")
    if module not in EXTRAS:
        raise error
    return click.ClickException(
        f"{command} needs {module}, which is not installed: pip install 'atelier[{EXTRAS[module]}]'."
    )


def _with_subcommands(command: click.Command, inner: dict[str, EntryPoint]) -> click.Group:
    """A group that runs `command`, and has a subcommand for each entry point `command.sub`."""

    class NestedGroup(SuggestingGroup):
        def list_commands(self, context: click.Context) -> list[str]:
            return sorted(
                name.partition(".")[2] for name, entry in inner.items() if _is_installed(entry)
            )

        def get_command(self, context: click.Context, name: str) -> click.Command | None:
            entry = inner.get(f"{command.name}.{name}")
            return _load(entry) if entry else None

    def run(*args: Any, **values: Any) -> Any:
        if click.get_current_context().invoked_subcommand is not None:
            return None
        assert command.callback is not None  # noqa: S101 - every command here has a callback
        return command.callback(*args, **values)

    return NestedGroup(
        command.name,
        params=command.params,
        callback=run,
        help=command.help,
        invoke_without_command=True,
    )


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES_HELP
)
@click.version_option(version("atelier"), message="%(prog)s %(version)s")
def main() -> None:
    """Atelier: an asynchronous job queue for neural style transfer."""


if __name__ == "__main__":
    main()
