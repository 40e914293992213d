"""A node's process on its machine: a folder of its own."""

import os
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-ray.txt")

from explorer.cluster import node
from explorer.cluster.node import FOLDER


def test_what_a_dead_process_of_the_same_number_has_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for number in (os.getpid(), 2**22 + 1, os.getppid()):
        (tmp_path / f"{FOLDER}{number}" / "models").mkdir(parents=True)
    made = node._folder()
    assert made == tmp_path / f"{FOLDER}{os.getpid()}" and not any(made.iterdir())
    assert {file.name for file in tmp_path.iterdir()} == {made.name, f"{FOLDER}{os.getppid()}"}
