"""The command line stays what scripts were written for: every option, and what refuses a value."""

import argparse
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from explorer.cli import flags
from explorer.cli.main import parser
from explorer.specs.jobs import (
    DepthSpec,
    DistancesSpec,
    InsideSpec,
    LandscapeSpec,
    PathsSpec,
    RadiusSpec,
    ReconstructSpec,
    RolesSpec,
    SolveSetSpec,
)
from tests.explorer.cli.conftest import Call

RECORDED = Path(__file__).with_name("command_line.json")
"""Options and sentences of commit b423518's command line, with what was added since: one a line.

Who adds an option adds its line; who loses one breaks somebody's script. A sentence may be said
better: then its line changes too.
"""
KNOWN: dict[str, dict[str, dict[str, Any]]] = json.loads(RECORDED.read_text(encoding="utf-8"))


def options(command: argparse.ArgumentParser) -> dict[str, dict[str, Any]]:
    """Return what decides how a command's arguments are read, by option; no help texts."""
    either = [group._group_actions for group in command._mutually_exclusive_groups]
    return {
        " ".join(action.option_strings) or action.dest: _said(
            dest=action.dest,
            takes=getattr(action.type, "__name__", "str") if action.nargs != 0 else "nothing",
            default=str(action.default) if isinstance(action.default, Path) else action.default,
            choices=list(action.choices or ()),
            metavar=action.metavar,
            required=action.required,
            repeated=isinstance(action, argparse._AppendAction) or action.nargs == "+",
            without=[o.dest for group in either if action in group for o in group if o != action],
        )
        for action in command._actions
        if not isinstance(action, argparse._HelpAction)
    }


def _said(**fields: Any) -> dict[str, Any]:
    """Leave out what is nothing; 0 is something."""
    return {n: v for n, v in fields.items() if not (v is None or v is False or v == [])}


def test_every_option_is_read_as_it_was() -> None:
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    found = {name: options(command) for name, command in commands.choices.items()}
    assert found == KNOWN["options"]


SPECS: dict[str, tuple[type[BaseModel], list[str], dict[str, Any]]] = {
    "reconstruct": (ReconstructSpec, ["--text", "a", "--length", "3"], {"text": "a"}),
    "solve-set": (SolveSetSpec, ["--regime", "shared"], {"texts": ()}),
    "distances": (DistancesSpec, ["--set", "a"], {}),
    "depth": (DepthSpec, ["--set", "a"], {}),
    "roles": (RolesSpec, ["--set", "a"], {}),
    "path": (PathsSpec, ["a", "b"], {}),
    "paths": (PathsSpec, ["a"], {}),  # the recipe within it
    "landscape": (LandscapeSpec, ["a"], {}),
    "radius": (RadiusSpec, ["a"], {}),
    "inside": (InsideSpec, ["a"], {}),
}
"""The spec that a command makes, what it has to be given, and what it adds itself."""


@pytest.mark.parametrize("command", SPECS)
def test_every_option_reaches_its_field_and_is_described_by_it(command: str) -> None:
    spec, needed, added = SPECS[command]
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    actions = commands.choices[command]._option_string_actions

    def read(*arguments: str) -> BaseModel:
        found = flags.read(parser().parse_args([command, *needed, *arguments]), spec, **added)
        inner: BaseModel = getattr(found, "recipe", found)
        return inner if command == "paths" else found

    usual = read()
    for name, field, otherwise in flags._fields(type(usual)):
        action = actions.get(flags.written(type(usual), name))
        if action is None or name in added or name == "recipe":
            continue
        before, value = getattr(usual, name), "/b"
        assert field.is_required() or "default" in otherwise or before == field.default
        if action.choices:
            value = next(choice for choice in action.choices if choice != before)
        elif action.nargs == 0:
            value = not before
        elif action.type in (int, float):
            value = (before or 0) + 1 if action.type is int else (before or 1) / 2
        given = [action.option_strings[0], *([] if action.nargs == 0 else [str(value)])]
        assert value != before and read(*given) == type(usual).model_validate(
            dict(usual) | {name: value}
        ), name
        said = otherwise.get("help", field.description)
        assert said and (action.help or "").startswith(said.replace("%", "%%")), name


@pytest.fixture
def named(
    request: pytest.FixtureRequest, call: Call, tmp_path: Path, one_thread: None
) -> Callable[[str], str]:
    """Put files in the place of their names: {a} and {b} solutions of a text, {paths} of them."""

    def put(arguments: str) -> str:
        if "{" not in arguments:
            return arguments
        a, b, *_ = request.getfixturevalue("solution_files")
        if "{paths}" in arguments:
            call("path", a, b, *("--steps", 0, "--points", 3, "--device", "cpu"), "--out", tmp_path)
        return arguments.format(a=a, b=b, paths=next(tmp_path.glob("*/paths*"), None))

    return put


@pytest.mark.parametrize(("arguments", "sentence"), KNOWN["sentences"].items())
def test_what_cannot_be_used_is_said_as_it_was(
    arguments: str, sentence: str, call: Call, named: Callable[[str], str]
) -> None:
    said = call(*shlex.split(named(arguments)))
    assert (said.code, said.out) == (2, "")
    assert said.err.replace("'", "") == sentence.replace("'", "") + "\n"  # a matter of Python's
