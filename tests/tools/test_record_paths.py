"""Paths that ship: ends that are trained on, all pairs of a text, and a page counted from files."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from explorer.assets import catalog
from explorer.model.metrics import score
from explorer.model.pool import ModelPool
from explorer.paths import places
from explorer.paths.connection import connection
from explorer.paths.result import Paths
from explorer.solutions.solution import load_solution
from explorer.specs import curves
from tools import record_paths


@pytest.fixture
def recorded(tiny_llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Record two pairs of the tiny model, in a place of their own."""
    card = SimpleNamespace(name=str(tiny_llama_folder), default_arrangement="e+mN")
    monkeypatch.setattr(catalog, "known_models", lambda: [card])
    monkeypatch.setattr(record_paths.folders, "recorded", lambda: tmp_path / "recorded")
    monkeypatch.setattr(record_paths, "TEXTS", record_paths.TEXTS[:2])
    monkeypatch.setattr(curves, "MARGIN", 0.7)
    options = ["--length", "2", "--restarts", "2", "--steps", "4", "--no-plane"]
    monkeypatch.setattr(sys, "argv", ["record_paths", *options])
    record_paths.main()
    return tmp_path / "recorded" / "paths" / "0-texts-02" / "paths.safetensors"


def test_ends_lead_by_the_margin_and_the_page_says_what_the_file_does(
    recorded: Path, tiny_llama_folder: Path
) -> None:
    found, said = Paths.load(recorded), record_paths.page([recorded])
    assert len(found) == 2 and len(found.header.texts) == 2
    model = ModelPool(torch.device("cpu")).get(tiny_llama_folder, "tiny", torch.float32)
    for info in found.header.solutions:
        end = load_solution(recorded.parent / f"{info.id}.safetensors")
        ids = end.target_ids.tolist()
        assert score(model, end.e, end.m, ids, end.record.arrangement).margin >= 0.69
    counted = connection(found)
    cells = said.strip().splitlines()[-1].strip("| ").split(" | ")
    line = dict(zip(record_paths.COLUMNS, cells, strict=True))
    assert line["N"] == "2" and line["pairs"] == "2"
    assert line["connected"] == f"{counted.connected} ({counted.share:.0%})"
    assert "to a lead of 0.7" in line["ends"] and "worst 1" in line["curve"]


def test_the_page_is_what_ships_says() -> None:
    assert record_paths.PAGE.read_text(encoding="utf-8") == record_paths.page(
        places.PATHS.shipped()
    )
