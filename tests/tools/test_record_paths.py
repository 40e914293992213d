"""Paths that ship: ends that are trained on, all pairs of a text, and a page counted from files."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from explorer.assets import catalog
from explorer.model.metrics import score
from explorer.model.pool import ModelPool
from explorer.paths import places
from explorer.paths.connection import connection
from explorer.paths.header import HALFWAY, TWICE
from explorer.paths.result import Paths
from explorer.solutions.solution import load_solution
from explorer.specs import curves
from tools import record_paths


def record(
    monkeypatch: pytest.MonkeyPatch, texts: int, *, steps: int = 4, attempts: int = 1
) -> None:
    sizes = {"texts": texts, "length": 2, "restarts": 2, "steps": steps}
    sizes |= {"finish-steps": 0, "attempts": attempts}
    options = [word for name, value in sizes.items() for word in (f"--{name}", str(value))]
    monkeypatch.setattr(sys, "argv", ["record_paths", *options, "--no-plane"])
    record_paths.main()


@pytest.fixture
def recorded(tiny_llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Record two pairs of the tiny model, in a place of their own."""
    card = SimpleNamespace(name=str(tiny_llama_folder), default_arrangement="e+mN")
    monkeypatch.setattr(catalog, "known_models", lambda: [card])
    monkeypatch.setattr(record_paths.folders, "recorded", lambda: tmp_path / "recorded")
    monkeypatch.setattr(curves, "MARGIN", 0.7)
    record(monkeypatch, 2)
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


def test_texts_are_added_to_what_ships(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Paths.load(recorded)
    texts = {info.text for info in before.header.texts}

    record(monkeypatch, 3)
    after = Paths.load(recorded)
    assert len(after) == 3 and after.over.all() and after.measured.all()
    assert [t.text for t in after.header.texts[:2]] == [t.text for t in before.header.texts]
    assert after.header.texts[2].text not in texts
    assert after.header.solutions[:4] == before.header.solutions
    assert np.array_equal(after.bends[:2], before.bends)
    assert np.array_equal(after.curve.p[:2], before.curve.p)
    assert after.header.ended_by == before.header.ended_by == HALFWAY
    assert after.header.seconds > before.header.seconds > 0
    assert {file.stem for file in recorded.parent.glob("*.safetensors")} == {
        "paths",
        *(info.id for info in after.header.solutions),
    }


def test_by_another_recipe_the_same_solutions_are_connected_anew(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Paths.load(recorded)
    record(monkeypatch, 3, steps=6)
    after = Paths.load(recorded)
    assert after.header.recipe.max_steps == 6 and after.steps.min() >= 6
    assert after.header.solutions[:4] == before.header.solutions
    assert len(after) == 3 and (after.bends[:2] != before.bends).any((1, 2)).all()


def test_with_more_attempts_what_is_not_connected_goes_on_with_the_next(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Paths.load(recorded)
    assert not before.connected.any()  # after four steps
    before.curve.accuracy[0] = 1
    before.save(recorded)
    assert Paths.load(recorded).connected.tolist() == [True, False]

    record(monkeypatch, 2, attempts=2)
    after = Paths.load(recorded)
    assert after.header.recipe.attempts == 2 and after.over.all()
    assert after.steps[0] == before.steps[0] and np.array_equal(after.bends[0], before.bends[0])
    tried = before.history[before.history["pair"] == 1]
    of_both = after.history[after.history["pair"] == 1]
    assert np.array_equal(of_both[: len(tried)], tried)  # the first attempt is not made again
    assert after.begun_anew(1) == [4] and of_both["step"].tolist() == [0, 4, 4 + 16]
    assert after.header.solutions == before.header.solutions
    record(monkeypatch, 2, attempts=1)  # fewer: another recipe
    assert Paths.load(recorded).header.recipe.attempts == 1


def test_what_ended_a_curve_is_noted_with_its_steps(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Paths.load(recorded)
    old = before.header.model_copy(update={"ended_by": TWICE})
    replace(before, header=old).save(recorded)
    record(monkeypatch, 3)
    assert Paths.load(recorded).header.ended_by == f"{TWICE}, then {HALFWAY}"


def test_files_of_before_do_not_say_what_ended_a_curve_and_are_of_the_rule_of_then() -> None:
    assert {Paths.load(file).header.ended_by for file in places.PATHS.shipped()} >= {TWICE}


def test_the_page_is_what_ships_says() -> None:
    assert record_paths.PAGE.read_text(encoding="utf-8") == record_paths.page(
        places.PATHS.shipped()
    )
