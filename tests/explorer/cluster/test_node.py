"""A node's process on its machine: a folder of its own, and what it says where the disk is full."""

import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from explorer.assets import first_position
from explorer.assets.first_position import FirstPosition
from explorer.base.errors import StorageError
from explorer.cluster import node
from explorer.cluster.node import FOLDER, Node, told


def test_what_a_dead_process_of_the_same_number_has_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for number in (os.getpid(), 2**22 + 1, os.getppid()):
        (tmp_path / f"{FOLDER}{number}" / "models").mkdir(parents=True)
    made = node._folder()
    assert made == tmp_path / f"{FOLDER}{os.getpid()}" and not any(made.iterdir())
    assert {file.name for file in tmp_path.iterdir()} == {made.name, f"{FOLDER}{os.getppid()}"}


def test_a_node_without_room_for_the_model_says_that_its_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError("1000 requested and 0 written")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda reference: reference))
    monkeypatch.setattr(Node, "__init__", lambda self: setattr(self, "_folder", tmp_path))
    with pytest.raises(Exception, match="1000 requested") as caught:
        Node().take_model({"model.safetensors": SimpleNamespace(tofile=full)})
    assert isinstance(told(caught.value), StorageError), "else it would end the work of all"


def test_what_one_node_finds_of_a_model_the_next_on_its_machine_knows(
    tiny_llama_folder: Path,
    own_cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(first_position, "_known", {})
    there = own_cache / first_position.FOLDER
    assert not there.exists()
    monkeypatch.setenv("EXPLORER_CACHE", str(own_cache))
    Node(str(tiny_llama_folder), "float32")
    found = FirstPosition(
        fingerprint="f" * 64, words=12, alone=1, behind=9, sink=7, sink_text="BOS", steps=16,
        computed_in="float32",
    )  # fmt: skip
    first_position.keep(found)  # below the node's own folder, as the probe does
    monkeypatch.setenv("EXPLORER_CACHE", str(own_cache))
    assert first_position.find("f" * 64) == found and any(there.iterdir())
