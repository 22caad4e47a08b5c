from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import nst_core
from nst_core.commands.output import explains_errors
from nst_core.errors import NstError
from nst_core.images.picture import PictureError
from nst_core.networks.files import save_network
from nst_core.networks.registry import NetworkError, open_network
from nst_core.networks.slim import SlimAdaIN


def test_every_error_for_people_has_one_root() -> None:
    names = [module.name for module in pkgutil.walk_packages(nst_core.__path__, "nst_core.")]
    errors = {
        kind
        for name in names
        for _, kind in inspect.getmembers(importlib.import_module(name), inspect.isclass)
        if issubclass(kind, ValueError) and kind.__module__.startswith("nst_core.")
    }
    assert PictureError in errors
    assert [kind for kind in errors if not issubclass(kind, NstError)] == []


@pytest.mark.parametrize(
    ("error", "text"), [(PictureError("x.png is cut short."), "Error: x.png is cut short.\n")]
)
def test_a_command_prints_an_error_for_people_in_one_line(error: Exception, text: str) -> None:
    @click.command()
    @explains_errors
    def fail() -> None:
        raise error

    result = CliRunner().invoke(fail)
    assert (result.exit_code, result.output) == (1, text)


def test_a_command_does_not_pass_off_a_librarys_error_as_one_of_ours() -> None:
    @click.command()
    @explains_errors
    def fail() -> None:
        json.loads("{")

    assert isinstance(CliRunner().invoke(fail).exception, json.JSONDecodeError)


def test_a_file_with_settings_that_do_not_fit_is_refused(tmp_path: Path, untrained: SlimAdaIN) -> None:
    class Strange(SlimAdaIN):
        @property
        def settings(self) -> dict[str, object]:
            return {"depth": 3}

    path = save_network(Strange((8, 8, 8), blocks=1), tmp_path / "strange.safetensors")
    with pytest.raises(NetworkError, match="do not fit"):
        open_network(path)
