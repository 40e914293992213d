"""A wheel holds what ships, and what it installs works from any folder."""

import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
import zipfile
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

import explorer
from explorer.base import folders

pytestmark = pytest.mark.end_to_end

APP = "proto_tokens_app"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel from this clone."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=folders.PROJECT, check=True, capture_output=True)
    (file,) = out.glob("*.whl")
    return zipfile.ZipFile(file)


@pytest.fixture(scope="module")
def site(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what installing it puts into site-packages."""
    folder = tmp_path_factory.mktemp("site-packages")
    wheel.extractall(folder)
    return folder


@pytest.fixture
def elsewhere(site: Path, tmp_path: Path) -> dict[str, Any]:
    """How to run what is installed: from an empty folder, with a home of its own."""
    own = {"PYTHONPATH": str(site), "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    environment = os.environ | own | {"EXPLORER_NO_WORKER": "1"}
    environment.pop("EXPLORER_CACHE", None)
    return {"cwd": tmp_path, "env": environment}


def shipped() -> set[str]:
    """Return what a clone has of the package, by the names it has in a wheel."""
    parts = {"explorer": "explorer", **{p: f"{APP}/{p}" for p in ("pages", "widgets")}}
    parts |= {"cache/recorded": f"{APP}/cache/recorded"}
    names = {f"{APP}/app.py", f"{APP}/.streamlit/config.toml"}
    for part, inside in parts.items():
        root = folders.PROJECT / part
        files = [f for f in root.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
        names |= {f"{inside}/{file.relative_to(root).as_posix()}" for file in files}
    return names


def test_it_holds_what_ships_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == shipped()


def test_its_dependencies_and_version_are_those_of_the_clone(wheel: zipfile.ZipFile) -> None:
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(wheel.read(name))
    assert metadata["Version"] == explorer.__version__
    needed = [line for line in metadata.get_all("Requires-Dist", []) if ";" not in line]
    text = (folders.PROJECT / "requirements.txt").read_text()
    pinned = re.findall(r"^[\w-]+==\S+$", text, re.MULTILINE)
    assert {n.replace("_", "-") for n in needed} == {p.replace("_", "-") for p in pinned}
    assert {"test", "docs", "ray"} == set(metadata.get_all("Provides-Extra", []))


def test_what_builds_it_is_what_the_tests_build_it_with() -> None:
    project = tomllib.loads((folders.PROJECT / "pyproject.toml").read_text())
    tested = (folders.PROJECT / "requirements-dev.txt").read_text().splitlines()
    assert set(project["build-system"]["requires"]) <= set(tested)


def test_a_command_reads_what_ships_and_keeps_its_own_in_the_users_folder(
    elsewhere: dict[str, Any], tmp_path: Path, site: Path
) -> None:
    before = set(site.rglob("*.*"))
    command = [sys.executable, "-m", "explorer", "distances", "--set", "131d"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, **elsewhere)
    assert "same text" in done.stdout
    assert (tmp_path / "data" / "proto-tokens" / "logs").is_dir()
    after = {f for f in site.rglob("*.*") if "__pycache__" not in f.parts}
    assert after <= before


def test_app_serves_the_installed_pages(elsewhere: dict[str, Any]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "explorer", "app", "--port", port, "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **elsewhere)
    try:
        until(lambda: "ok" in answer(f"http://127.0.0.1:{port}/_stcore/health"))
    finally:
        server.terminate()  # the command has become the server: there is no other to end
        said = server.communicate(timeout=20)[0]
    assert f"http://127.0.0.1:{port}" in said


def answer(url: str) -> str:
    """Return what a server says, or nothing while there is none."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            said: str = reply.read().decode()
            return said
    except OSError:
        return ""


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)
