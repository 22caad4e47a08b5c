"""What README.md and docs/ tell people to type exists: commands, options, targets, addresses, links."""

from __future__ import annotations

import itertools
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from flask import Flask
from support.documents import DOCUMENTS, ROOT, Block, shell_blocks

from atelier.cli import main
from web import register_routes
from web.openapi.document import document

#: The packages at the root of the repository.
PACKAGES = sorted(init.parent.name for init in ROOT.glob("*/__init__.py"))

#: Programs of others whose arguments nothing here knows.
OTHERS = {"export", "rsync", "pg_dump", "pg_restore", "pre-commit", "git", "kubectl", "sudo"}


def lines(block: Block) -> Iterator[str]:
    """The commands of a block, with its variables put in."""
    variables: dict[str, str] = {}
    for command in block.commands():
        set_ = re.fullmatch(r"(\w+)=(\S+)", command)
        if set_:
            variables[set_[1]] = set_[2]
            continue
        for name, value in variables.items():
            command = command.replace(f"${name}", value)
        yield command


def spoken(document: Path) -> Iterator[str]:
    """Commands of ours in running text, between backticks."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.M | re.S)
    for code in re.findall(r"`([^`\n]+)`", text):
        if re.match(r"(atelier|make) [a-z]", code):
            yield code


WRITTEN = [
    pytest.param(line, id=f"{block.document.name}:{line[:60]}")
    for block in shell_blocks()
    for line in lines(block)
]
SPOKEN = [
    pytest.param(line, id=f"{document.name}:{line[:60]}")
    for document in DOCUMENTS
    for line in spoken(document)
]


@pytest.mark.parametrize("line", WRITTEN)
def test_commands_in_blocks(line: str) -> None:
    words = shlex.split(line)
    while "=" in words[0]:
        words.pop(0)  # a variable for this command alone
    program, arguments = Path(words[0]).name, words[1:]
    if program in OTHERS:
        return
    check = CHECKS.get(program)
    assert check is not None, f"nothing checks {program}"
    check(arguments)


@pytest.mark.parametrize("line", SPOKEN)
def test_commands_in_running_text(line: str) -> None:
    program, *arguments = shlex.split(line)
    if program == "make":
        check_make(arguments)
    else:
        check_atelier(arguments, whole=False)


def check_atelier(arguments: list[str], *, whole: bool = True) -> None:
    """The subcommand exists, knows each option, and gets what it needs (`whole`)."""
    command: click.Command = main
    context = click.Context(main, info_name="atelier")
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        found = command.get_command(context, arguments[0])
        assert found is not None, f"there is no command {arguments[0]}"
        context = click.Context(found, info_name=arguments.pop(0), parent=context)
        command = found
    options = {
        name for parameter in command.params for name in parameter.opts + parameter.secondary_opts
    }
    if not whole:
        asked = {word.split("=")[0] for word in arguments if word.startswith("-")}
        assert asked <= options | {"--help"}, asked - options
        return
    values, left, _ = command.make_parser(context).parse_args(list(arguments))
    assert not left, f"{left} is not taken"
    for parameter in command.params:
        value = values.get(parameter.name)
        if "FLAG_NEEDS_VALUE" in repr(value):
            continue  # click's mark for an option whose value may be left out
        given = [] if value is None or "UNSET" in repr(value) else value
        given = list(given) if isinstance(given, (list, tuple)) else [given]
        assert given or not parameter.required, f"{parameter.name} is missing"
        if isinstance(parameter.type, click.Choice):
            for one in given:
                parameter.type.convert(one, parameter, context)


def check_make(arguments: list[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    names = [word for word in arguments if "=" not in word]
    assert names
    assert set(names) <= targets


@cache
def api() -> dict[str, Any]:
    """The description of the routes."""
    routes = Flask("routes")
    register_routes(routes)
    return document(routes)


def check_curl(arguments: list[str]) -> None:
    """The address and method are of the API, and so are the fields of a form."""
    paths = api()["paths"]
    addresses = [
        word for word in arguments if re.match(r"(https?://)?(localhost|127\.0\.0\.1):8000/", word)
    ]
    assert len(addresses) == 1 or "…" in arguments, arguments
    if not addresses:
        return
    path = "/" + addresses[0].split(":8000/", 1)[1].partition("?")[0]
    forms = [word for flag, word in itertools.pairwise(arguments) if flag == "-F"]
    method = arguments[arguments.index("-X") + 1].lower() if "-X" in arguments else ""
    method = method or ("post" if forms or "-d" in arguments else "get")
    matching = [
        known
        for known in paths
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(known)), path)
        and method in paths[known]
    ]
    assert matching, f"{method} {path} is not in the API"
    if forms and len(matching) == 1:
        known_fields = fields_of(paths[matching[0]]["post"])
        plain = {form.split("=", 1)[0] for form in forms if not form.split("=", 1)[1].startswith("@")}
        assert plain <= known_fields, plain - known_fields


def fields_of(operation: dict[str, Any]) -> set[str]:
    """Every property of its form, however it is put together."""
    description = api()

    def inside(schema: Any) -> Iterator[str]:
        if isinstance(schema, list):
            for item in schema:
                yield from inside(item)
        elif isinstance(schema, dict):
            if "$ref" in schema:
                yield from inside(
                    description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
                )
            yield from schema.get("properties", {})
            for name in ("allOf", "anyOf", "oneOf"):
                yield from inside(schema.get(name, []))

    return set(inside(operation["requestBody"]["content"]["multipart/form-data"]["schema"]))


def check_python(arguments: list[str]) -> None:
    assert arguments[0] == "-m"
    assert find_spec(arguments[1]) is not None
    for path in arguments[2:]:
        assert not path.startswith("tests/") or (ROOT / path).exists()


def check_pip(arguments: list[str]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for word in arguments:
        named = re.fullmatch(r"(?:atelier|\.)\[([\w,]+)\]", word)
        assert named is None or set(named[1].split(",")) <= set(extras)


def check_docker(arguments: list[str]) -> None:
    """Services, profiles and build targets exist."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    if arguments[0] == "build":
        stages = re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        assert arguments[arguments.index("--target") + 1] in stages
        return
    assert arguments[0] == "compose"
    pairs = list(itertools.pairwise(arguments))
    profiles = {name for flag, name in pairs if flag == "--profile"}
    assert profiles <= {name for service in compose.values() for name in service.get("profiles", [])}
    assert {name.split("=")[0] for flag, name in pairs if flag == "--scale"} <= set(compose)
    verb = next(
        word for word in arguments[1:] if word in {"up", "run", "build", "exec", "stop", "pull"}
    )
    rest = arguments[arguments.index(verb) + 1 :]
    if verb in {"run", "exec"}:
        after = [word for word in rest if not word.startswith("-")]
        assert after[0] in compose
        if after[1:2] == ["atelier"]:
            check_atelier(rest[rest.index("atelier") + 1 :])


def check_promtool(arguments: list[str]) -> None:
    assert (ROOT / arguments[-1]).exists()


CHECKS = {
    "atelier": check_atelier,
    "curl": check_curl,
    "docker": check_docker,
    "make": check_make,
    "pip": check_pip,
    "promtool": check_promtool,
    "python": check_python,
}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_files_exist(document: Path) -> None:
    text = document.read_text()
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        assert "://" in target or (document.parent / target).exists(), target
    for path in paths_in(text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_headings_find_them(document: Path) -> None:
    for file, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", document.read_text()):
        target = document.parent / file if file else document
        headings = re.findall(r"^#+ (.+)", target.read_text(), re.MULTILINE)
        anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
        assert anchor in anchors, f"{file}#{anchor}"


def paths_in(text: str) -> list[str]:
    """Paths of this repository between backticks."""
    folders = "|".join([*PACKAGES, "tests", "docs", "deploy"])
    return re.findall(rf"`((?:{folders})/[\w./-]*)`", text)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_of_code_are_named_with_their_folder(document: Path) -> None:
    if document.name == "README.md":
        return  # its table of tests has short names; see below
    names = re.findall(r"`([\w./-]+\.(?:py|js))`", document.read_text())
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_the_map_of_contributing_names_what_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text[text.index("| question |") : text.index("## House rules")]
    rows = [row for row in table.splitlines()[2:] if row.startswith("|")]

    assert len(rows) >= 12
    assert [row for row in rows if not paths_in(row)] == []
    for path, name in re.findall(r"`([\w./-]+\.py)`: `(\w+)`", table):
        defined = rf"^(?:def |class |async def )?{name}\b(?=[(:\[ ])"
        assert re.search(defined, (ROOT / path).read_text(), re.MULTILINE), f"{path}: {name}"


def test_the_architecture_names_every_folder_and_every_module_beside_them() -> None:
    named = set(paths_in((ROOT / "docs" / "architecture.md").read_text()))
    packages = [
        ROOT / name for name in PACKAGES if name != "gallery"
    ]  # which has a file for each style
    folders = {
        f"{init.parent.relative_to(ROOT)}/" for p in packages for init in p.glob("*/__init__.py")
    }
    modules = {str(path.relative_to(ROOT)) for p in packages for path in p.glob("[!_]*.py")}

    assert (folders | modules) - named == set()


def test_every_decision_has_a_date_and_the_alternative_that_was_dropped() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text()
    entries = re.findall(r"^- .*?(?=^- |^## |\Z)", text, re.MULTILINE | re.DOTALL)

    assert len(entries) > 100
    assert [entry for entry in entries if not re.search(r"\b20\d\d-\d\d-\d\d\b", entry)] == []
    assert [entry for entry in entries if "ropped:" not in entry] == []


def test_the_readme_links_to_every_document() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [
        path.name for path in (ROOT / "docs").glob("*.md") if f"docs/{path.name}" not in readme
    ] == []


def test_the_tests_that_the_readme_names_are_there() -> None:
    text = (ROOT / "README.md").read_text()
    table = text[text.index("| | tests |") : text.index("## The API in one screen")]
    named = re.findall(r"`((?:tests/)?[\w/.]*test[\w/.]*)`", table)
    assert len(named) >= 15
    for name in named:
        found = ROOT / name if name.startswith("tests/") else next(ROOT.glob(f"tests/**/{name}"), None)
        assert found is not None, name
        assert found.exists(), name
