"""Fetches a wheel from the package index that pip is configured to use, and opens it."""

import contextlib
import importlib.util
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from explorer.base.files import files_below

POLL_SECONDS = 0.2

Arrived = Callable[[int], None]


class DownloadError(Exception):
    """Pip downloaded nothing; the message is what pip said."""


def has_pip() -> bool:
    """Return whether this Python can run pip."""
    return importlib.util.find_spec("pip") is not None


def download(requirement: str, folder: Path, arrived: Arrived) -> None:
    """Download a wheel, without its dependencies, into an empty folder.

    Pip keeps its temporary files in `folder` as well, so that their size tells how far it is.

    Args:
        requirement: "name==version".
        folder: where the wheel will lie, by its usual file name.
        arrived: called about five times a second with the number of bytes that are there.

    Raises:
        DownloadError: if pip fails, most often for want of a network.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-input", "--disable-pip-version-check", "--quiet", "--retries", "2"]
    command += ["--dest", str(folder), requirement]
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    process = subprocess.Popen(  # noqa: S603 (a fixed command, no shell)
        command,
        env=os.environ | places,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while True:
            try:
                _, said = process.communicate(timeout=POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                arrived(_largest_file(folder))
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise DownloadError(said.strip())


def unpack(wheel: Path, members: str, folder: Path) -> Path:
    """Write some members of a wheel into a folder; return the one that all of them lie below.

    Args:
        wheel: the file.
        members: pattern of the paths that are wanted.
        folder: where they will lie, by their paths.
    """
    top = members.partition("*")[0]
    with zipfile.ZipFile(wheel) as archive:
        names = (name for name in archive.namelist() if name.startswith(top))
        archive.extractall(folder, [n for n in names if PurePosixPath(n).match(members)])
    return folder / top


def _largest_file(folder: Path) -> int:
    """Return the size of the largest file; what vanishes while pip works is passed over."""
    largest = 0
    for path in files_below(folder):
        with contextlib.suppress(FileNotFoundError):
            largest = max(largest, path.stat().st_size)
    return largest
