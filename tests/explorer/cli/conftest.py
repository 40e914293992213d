"""What tests of the command line share: a call in this process, and what it printed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Said:
    """What one call left behind.

    Attributes:
        code: its exit code.
        out: everything on stdout.
        err: everything on stderr.
    """

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        value: dict[str, Any] = json.loads(self.out)
        return value


Call = Callable[..., Said]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    """Run a command as `python -m explorer` does."""
    from explorer.cli.main import main

    def run(*arguments: object) -> Said:
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return run


@pytest.fixture
def reconstruct(
    call: Call, tiny_llama_folder: Path, tmp_path: Path, one_thread: None
) -> Callable[..., Said]:
    """Reconstruct three tokens on a tiny model; what is given comes after, and so wins."""

    def run(*arguments: object, text: tuple[object, ...] = ("--text", "The heron waits")) -> Said:
        usual = [
            *("--model", tiny_llama_folder, "--length", 3, "--arrangement", "e+mN-1"),
            *("--set", "precision=float32", "--restarts", 1, "--seed", 2),
            *("--out", tmp_path / "out", "--device", "cpu"),
        ]
        return call("reconstruct", *usual, *text, *arguments)

    return run
