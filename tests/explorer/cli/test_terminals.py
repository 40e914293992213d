"""What is printed reaches any terminal: nothing said is lost to a character it cannot show."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from explorer.base import folders
from explorer.runtime import process
from tests.explorer.cli.conftest import Call

Terminal = Callable[..., tuple[int, bytes, bytes]]


def _run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "explorer", *arguments],
        cwd=folders.PROJECT,
        env=os.environ | variables,
        capture_output=True,
        timeout=200,
    )


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Run a command whose output has an encoding, strictly; return its code and what it printed."""
    from explorer.cli.main import main

    def run(encoding: str, *arguments: str) -> tuple[int, bytes, bytes]:
        streams = [io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2)]
        for name, stream in zip(("stdout", "stderr"), streams, strict=True):
            monkeypatch.setattr(sys, name, stream)
        process.escape_what_terminals_lack()
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        for stream in streams:
            stream.flush()
        out, err = (stream.buffer.getvalue() for stream in streams)
        return code, out, err

    return run


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_help_and_errors_are_printed_on_a_terminal_that_is_not_utf8(
    encoding: str, terminal: Terminal
) -> None:
    for arguments in (("--help",), ("reconstruct", "--help"), ("run", "--help")):
        code, out, err = terminal(encoding, *arguments)
        assert (code, err) == (0, b"")
        assert b"usage:" in out
    code, _, err = terminal(encoding, "distances", "--set", "日本語")
    assert code == 2
    assert rb"\u65e5\u672c\u8a9e" in err
    assert terminal(encoding, "landscape", "/nowhere/日本語 “a”.safetensors")[0] == 2


@pytest.mark.end_to_end
def test_a_process_of_its_own_says_the_same() -> None:
    said = _run("reconstruct", "--help", PYTHONIOENCODING="ascii")
    assert (said.returncode, said.stderr) == (0, b"")
    assert rb"\u2026" in said.stdout


@pytest.mark.end_to_end
@pytest.mark.parametrize("package", ["tools", "benchmarks"])
def test_what_tools_and_benchmarks_print_reaches_such_a_terminal(package: str) -> None:
    code = f"import sys, {package}; print('÷ 日'); print('…', file=sys.stderr)"
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folders.PROJECT,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, b"\\xf7 \\u65e5\n", b"\\u2026\n")


def test_json_stays_json_on_a_terminal_that_is_not_utf8(terminal: Terminal) -> None:
    code, out, _ = terminal("ascii", "assets", "--list", "--json")
    assert code == 0
    json.loads(out)


@pytest.mark.parametrize(
    "arguments",
    [
        ("path", "~nosuchuser/a.safetensors", "~nosuchuser/b.safetensors"),
        ("paths", "~nosuchuser/a"),
        ("landscape", "~nosuchuser"),
        ("landscape", "x" * 5000),
        ("distances", "--set", "x" * 5000),
        ("radius", "x/" * 3000 + "a.safetensors"),
        ("inside", "~nosuchuser/a.safetensors"),
        ("inside", "a", "--other", "x" * 5000),
        ("reconstruct", "--text-file", "x" * 5000),
        ("reconstruct", "--text", "a", "--model", "x" * 5000),
        ("reconstruct", "--source", "corpus", "--path", "~nosuchuser"),
        ("reconstruct", "--source", "corpus", "--path", "x" * 5000),
        ("reconstruct", "--source", "random", "--path", "x" * 5000),
    ],
    ids=lambda arguments: " ".join(arguments)[:60],
)
def test_a_path_that_cannot_be_is_a_sentence(call: Call, arguments: tuple[str, ...]) -> None:
    said = call(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1


@pytest.mark.end_to_end
def test_a_cache_of_an_unknown_user_is_a_sentence() -> None:
    said = _run("assets", "--list", EXPLORER_CACHE="~nosuchuser/cache")
    assert said.returncode == 2 and b"EXPLORER_CACHE" in said.stderr
    assert b"Traceback" not in said.stderr
