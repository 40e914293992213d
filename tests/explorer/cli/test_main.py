import argparse
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import explorer
from explorer.cli import assets, reconstruct
from explorer.errors import StorageError

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


def test_a_reader_that_has_enough_is_no_error() -> None:
    command = [sys.executable, "-m", "explorer", "assets", "--list"]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert writer.stdout is not None and writer.stderr is not None
    writer.stdout.close()
    assert writer.wait(60) == 0
    assert writer.stderr.read() == b""
    writer.stderr.close()
