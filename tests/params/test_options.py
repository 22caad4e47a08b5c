from __future__ import annotations

from typing import Annotated, Literal

import click
from click.testing import CliRunner
from pydantic import AliasChoices, BaseModel, Field

from params.options import model_options


class One(BaseModel):
    kind: Literal["one"] = "one"
    size: int = Field(4, ge=1, le=9, description="Size of `it`.")
    weight: Annotated[float, Field(ge=0)] | None = None
    fast: bool = False
    range: tuple[float, float] = (0.1, 0.2)


class Two(BaseModel):
    kind: Literal["two"]
    size: int = Field(
        8, ge=1, le=9, description="Size of `it`.", validation_alias=AliasChoices("size", "side")
    )
    name: str


@click.command()
@model_options({"one": One, "two": Two}, exclude={"range"})
def command(**given: object) -> None:
    click.echo(repr({name: value for name, value in given.items() if value is not None}))


def run(*arguments: str) -> str:
    done = CliRunner().invoke(command, list(arguments))
    return done.stdout if done.exit_code == 0 else done.stderr


def test_an_option_that_is_not_given_is_none() -> None:
    assert run() == "{}\n"


def test_types_choices_and_other_names_come_from_the_models() -> None:
    assert run("--size", "3", "--weight", "0.5", "--fast", "--kind", "two", "--name", "n") == (
        "{'size': 3, 'weight': 0.5, 'fast': True, 'kind': 'two', 'name': 'n'}\n"
    )
    assert run("--side", "5", "--no-fast") == "{'size': 5, 'fast': False}\n"


def test_what_the_model_would_refuse_is_a_usage_error() -> None:
    for wrong in (["--size", "10"], ["--weight", "-1"], ["--kind", "three"]):
        assert f"Invalid value for '{wrong[0]}'" in run(*wrong).replace(
            "'--size' / '--side'", "'--size'"
        )
    assert "No such option" in run("--range", "1", "2")


def test_the_help_has_explanation_and_default_of_each_model() -> None:
    text = " ".join(run("--help").split())
    assert "Size of it. [one: 4; two: 8]" in text
    assert "[one: one; two: required]" in text
    assert "[two: required]" in text


def test_a_single_model_shows_its_default_and_what_is_required() -> None:
    @click.command()
    @model_options({"two": Two})
    def alone(**given: object) -> None: ...

    assert "[default: 8]" in CliRunner().invoke(alone, ["--help"]).stdout
    assert CliRunner().invoke(alone, []).exit_code == 2


def test_a_pair_of_numbers_takes_two_values() -> None:
    @click.command()
    @model_options({"one": One})
    def alone(**given: object) -> None:
        click.echo(repr(given["range"]))

    assert CliRunner().invoke(alone, ["--range", "0.5", "1"]).stdout == "(0.5, 1.0)\n"
