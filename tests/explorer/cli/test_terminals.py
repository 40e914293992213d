"""What is printed reaches any terminal: nothing said is lost to a character it cannot show."""

import json
import os
import subprocess
import sys

import pytest

from explorer.base import folders


def _run(encoding: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "explorer", *arguments],
        cwd=folders.PROJECT,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=60,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_help_and_errors_are_printed_on_a_terminal_that_is_not_utf8(encoding: str) -> None:
    for arguments in (("--help",), ("reconstruct", "--help"), ("run", "--help")):
        said = _run(encoding, *arguments)
        assert (said.returncode, said.stderr) == (0, b"")
        assert b"usage:" in said.stdout
    said = _run(encoding, "distances", "--set", "日本語")
    assert said.returncode == 2 and b"Traceback" not in said.stderr
    assert rb"\u65e5\u672c\u8a9e" in said.stderr
    said = _run(encoding, "landscape", "/nowhere/日本語 “a”.safetensors")
    assert said.returncode == 2 and b"Traceback" not in said.stderr


def test_json_stays_json_on_a_terminal_that_is_not_utf8() -> None:
    said = _run("ascii", "assets", "--list", "--json")
    assert said.returncode == 0
    json.loads(said.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ("path", "~nosuchuser/a.safetensors", "~nosuchuser/b.safetensors"),
        ("paths", "~nosuchuser/a"),
        ("landscape", "~nosuchuser"),
        ("landscape", "x" * 5000),
        ("distances", "--set", "x" * 5000),
        ("radius", "x/" * 3000 + "a.safetensors"),
        ("reconstruct", "--text-file", "x" * 5000),
        ("reconstruct", "--text", "a", "--model", "x" * 5000),
        ("reconstruct", "--source", "corpus", "--path", "~nosuchuser"),
        ("reconstruct", "--source", "corpus", "--path", "x" * 5000),
        ("reconstruct", "--source", "random", "--path", "x" * 5000),
    ],
    ids=lambda arguments: " ".join(arguments)[:60],
)
def test_a_path_that_cannot_be_is_a_sentence(arguments: tuple[str, ...]) -> None:
    said = _run("utf-8", *arguments)
    assert (said.returncode, said.stdout) == (2, b"")
    assert b"Traceback" not in said.stderr and said.stderr.count(b"\n") == 1


def test_a_cache_of_an_unknown_user_is_a_sentence() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "explorer", "assets", "--list"],
        cwd=folders.PROJECT,
        env=os.environ | {"EXPLORER_CACHE": "~nosuchuser/cache"},
        capture_output=True,
        timeout=60,
    )
    assert said.returncode == 2 and b"EXPLORER_CACHE" in said.stderr
    assert b"Traceback" not in said.stderr
