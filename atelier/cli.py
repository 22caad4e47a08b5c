"""The `atelier` command line: subcommands are found through entry points and loaded when called."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points, version
from importlib.util import find_spec
from typing import Any

import click

from atelier.exit_codes import HELP as EXIT_CODES

GROUP = "atelier.commands"

#: Packages of ours that an installation may lack.
OWN = frozenset({"nst_core", "worker", "web", "bench", "migrations"})
#: Module → the extra that brings it, where `pip install atelier` does not.
EXTRAS = {
    **dict.fromkeys(("numpy", "safetensors", "tensorboardX", "torch", "torchvision"), "worker"),
    **dict.fromkeys(("av", "cv2"), "video"),
    **dict.fromkeys(("onnx", "onnxruntime", "onnxscript"), "export"),
    "openvino": "openvino",
    "boto3": "s3",
    "psycopg": "postgres",
    "skimage": "samples",
}


class LazyGroup(click.Group):
    """A group whose commands are entry points, imported one at a time."""

    def _found(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=GROUP)}

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of all subcommands."""
        return sorted(name for name, entry in self._found().items() if "." not in name and _here(entry))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import one subcommand. A package that it needs and lacks is said in one line."""
        found = self._found()
        if name not in found or "." in name:
            return None
        inner = {key: entry for key, entry in found.items() if key.startswith(f"{name}.")}
        command = _load(found[name])
        return _with_inner(command, inner) if inner else command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands under two headings, importing each for its one-line help."""
        service: list[tuple[str, str]] = []
        local: list[tuple[str, str]] = []
        for name, entry in sorted(self._found().items()):
            if "." in name or not _here(entry):
                continue
            command = self.get_command(context, name)
            if command is not None:
                row = (name, command.get_short_help_str(70))
                (local if entry.module.startswith("nst_core") else service).append(row)
        for heading, rows in (("The service", service), ("Without a service", local)):
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def invoke(self, context: click.Context) -> Any:
        """Run the command. A package that it turns out to need and lack is said in one line."""
        try:
            return super().invoke(context)
        except ModuleNotFoundError as error:
            raise _missing(context.invoked_subcommand or "this", error) from error


def _here(entry: EntryPoint) -> bool:
    """Whether its package is installed: an image has only the packages that it runs."""
    return find_spec(entry.module.partition(".")[0]) is not None


def _load(entry: EntryPoint) -> click.Command:
    try:
        command: click.Command = entry.load()
    except ModuleNotFoundError as error:
        raise _missing(entry.name, error) from error
    return command


def _missing(command: str, error: ModuleNotFoundError) -> click.ClickException:
    """What to install for a module that is not there. Raises `error` if it is none of an extra's."""
    module = (error.name or "").partition(".")[0]
    if module in OWN:
        return click.ClickException(f"{command} is not part of this installation: it has no {module}.")
    if module not in EXTRAS:
        raise error
    return click.ClickException(
        f"{command} needs {module}, which is not installed: pip install 'atelier[{EXTRAS[module]}]'."
    )


def _with_inner(command: click.Command, inner: dict[str, EntryPoint]) -> click.Group:
    """`command` as it is, and `command sub` for each entry point `command.sub`."""

    class Inner(click.Group):
        def list_commands(self, context: click.Context) -> list[str]:
            return sorted(name.partition(".")[2] for name, entry in inner.items() if _here(entry))

        def get_command(self, context: click.Context, name: str) -> click.Command | None:
            entry = inner.get(f"{command.name}.{name}")
            return _load(entry) if entry else None

    def run(*args: Any, **values: Any) -> Any:
        if click.get_current_context().invoked_subcommand is not None:
            return None
        assert command.callback is not None  # noqa: S101 - every command of ours does something
        return command.callback(*args, **values)

    return Inner(
        command.name,
        params=command.params,
        callback=run,
        help=command.help,
        invoke_without_command=True,
    )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(version("atelier"), message="%(prog)s %(version)s")
def main() -> None:
    """Atelier: an asynchronous job queue for neural style transfer."""


if __name__ == "__main__":
    main()
