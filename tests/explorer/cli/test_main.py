import argparse
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import explorer
from explorer.base import folders
from explorer.base.errors import StorageError
from explorer.cli import assets, reconstruct
from explorer.cli.main import parser, with_values

Call = Callable[..., Any]


def test_the_version_is_told(call: Call) -> None:
    said = call("--version")
    assert (said.code, said.out.strip(), said.err) == (0, explorer.__version__, "")


@pytest.mark.parametrize("command", [(), ("assets",), ("reconstruct",)])
def test_help_names_every_command_and_option(call: Call, command: tuple[str, ...]) -> None:
    said = call(*command, "--help")
    assert (said.code, said.err) == (0, "")
    wanted = {
        (): ("assets", "reconstruct"),
        ("assets",): ("--model", "--list", "--json"),
        ("reconstruct",): (
            *("--model", "--text", "--text-file", "--source", "--path", "--text-seed", "--index"),
            *("--length", "--arrangement", "--recipe", "--set", "--restarts", "--seed", "--out"),
            *("--device", "--json", "Exit code 0"),
        ),
    }[command]
    assert all(option in said.out for option in wanted)


WRONG = {
    "no command": [],
    "unknown command": ["dance"],
    "unknown option": ["assets", "--fast"],
    "no text": ["reconstruct"],
    "two texts": ["reconstruct", "--text", "a", "--source", "unseen"],
    "unknown source": ["reconstruct", "--source", "dreams"],
    "own is no source": ["reconstruct", "--source", "own"],
    "unknown arrangement": ["reconstruct", "--text", "a", "--arrangement", "A4"],
    "length is no number": ["reconstruct", "--text", "a", "--length", "many"],
    "seed is no integer": ["reconstruct", "--text", "a", "--seed", "0.5"],
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_said_in_one_sentence(call: Call, arguments: list[str]) -> None:
    said = call(*arguments)
    assert (said.code, said.out) == (2, "")
    assert re.fullmatch(r"[A-Z].+\. See: python -m explorer.* --help\n", said.err), said.err


@pytest.mark.parametrize(
    ("raised", "code", "sentence"),
    [
        (StorageError("The disk is full."), 2, "The disk is full."),
        (KeyboardInterrupt(), 130, "Int"),
    ],
)
def test_problems_become_a_sentence_and_an_exit_code(
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    raised: BaseException,
    code: int,
    sentence: str,
) -> None:
    def run(_: argparse.Namespace) -> int:
        raise raised

    monkeypatch.setattr(assets, "run", run)
    said = call("assets")
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith(sentence) and said.err.count("\n") == 1


def _options() -> list[tuple[str, str]]:
    """Return (command, option) of every option of every command that takes one value."""
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return [
        (name, option)
        for name, command in commands.choices.items()
        for action in command._actions
        for option in action.option_strings
        if action.nargs is None and action.type in (None, Path) and action.choices is None
    ]


@pytest.mark.parametrize(("command", "option"), _options())
@pytest.mark.parametrize("value", ["-hello", "--hello there", "-", "-1x"])
def test_a_value_may_begin_with_a_dash(command: str, option: str, value: str) -> None:
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    (action,) = (a for a in commands.choices[command]._actions if option in a.option_strings)
    given = with_values([command, option, value])
    assert given == [command, f"{option}={value}"]
    texts = ("--text", "--text-file")
    rest = [] if option in (*texts, *NEEDED[command][:1]) else NEEDED[command]
    switch = "--no-browser" if command == "app" else "--json"
    read = commands.choices[command].parse_args([*given[1:], *rest, switch])
    found = getattr(read, action.dest)
    assert (found[0] if isinstance(found, list) else str(found)) == value
    assert getattr(read, switch.lstrip("-").replace("-", "_"))


NEEDED = {
    "app": [], "assets": [], "reconstruct": ["--text", "a"], "solve-set": ["--regime", "free"],
    "path": ["a", "b"], "paths": ["a"], "landscape": ["a"], "radius": ["a"], "run": ["capacity"],
    "inside": ["a"], "distances": ["--set", "x"], "depth": ["--set", "x"],
    "roles": ["--set", "x"], "figures": ["x"],
}  # fmt: skip


def test_a_text_that_begins_with_a_dash_is_a_text(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(reconstruct, "run", lambda a: (asked.append(a.text), 0)[1])
    assert call("reconstruct", "--text", "-hello", "--json").code == 0
    assert call("reconstruct", "--text", "--text-file").code == 2  # an option, not a text
    assert asked == ["-hello"]


@pytest.mark.parametrize("option", ["--text", "--recipe", "--out"])
def test_a_value_that_is_missing_is_said_plainly(call: Call, option: str) -> None:
    said = call("reconstruct", option)
    assert said.code == 2 and f"{option} needs a value after it" in said.err
    assert "argument" not in said.err.lower()
    assert call("reconstruct", option, "--json").err == said.err


def test_every_command_that_makes_files_takes_a_folder_for_them(call: Call) -> None:
    for command in ("reconstruct", "solve-set", "path", "paths", "landscape", "radius", "run",
                    "inside", "distances"):  # fmt: skip
        assert "--out" in call(command, "--help").out, command


def test_what_the_commands_write_is_not_taken_for_a_part_of_the_project() -> None:
    """Where `--out` is left out, and where the documents' commands write, from the clone."""
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    defaults = {
        str(action.default)
        for command in commands.choices.values()
        for action in command._actions
        if "--out" in action.option_strings and action.default
    }
    documents = [folders.PROJECT / "README.md", *(folders.PROJECT / "docs").glob("*.md")]
    said = "".join(document.read_text(encoding="utf-8") for document in documents)
    written = defaults | set(re.findall(r"--out (?!OUT)(\w+)", said))
    assert {"solutions", "paths", "landscape", "arrangements"} <= written
    ignored = (folders.PROJECT / ".gitignore").read_text().splitlines()
    assert {f"/{name}/" for name in written} <= set(ignored)


def test_a_defect_of_ours_is_not_hidden(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: argparse.Namespace) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(reconstruct, "run", run)
    with pytest.raises(ZeroDivisionError):
        call("reconstruct", "--text", "a")


def test_the_module_is_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["explorer", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("explorer", run_name="__main__")
    assert not ended.value.code
    assert capsys.readouterr().out.strip() == explorer.__version__


@pytest.mark.end_to_end
def test_a_reader_that_has_enough_is_no_error() -> None:
    command = [sys.executable, "-m", "explorer", "assets", "--list"]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert writer.stdout is not None and writer.stderr is not None
    writer.stdout.close()
    assert writer.wait(60) == 0
    assert writer.stderr.read() == b""
    writer.stderr.close()
