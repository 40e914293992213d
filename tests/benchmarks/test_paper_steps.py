"""Steps of the paper's recipe are measured once, and go on where they were interrupted."""

import json
from pathlib import Path

import pytest

from benchmarks import paper_steps
from benchmarks.benchmark_texts import OWN
from explorer.specs.texts import OwnSpec
from explorer.texts.drawing import draw


@pytest.mark.embedded
def test_only_texts_that_a_file_lacks_are_measured(
    embedded_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passages = {text[:9]: draw(OwnSpec(text=text)) for text in OWN[:3]}
    monkeypatch.setattr(paper_steps, "reported_on", lambda model: passages)
    monkeypatch.setattr(paper_steps, "TOGETHER", 1)
    file = tmp_path / "steps.json"
    whole = paper_steps.measure(file, cap=2, length=8)
    assert json.loads(file.read_text()) == whole
    assert [line["name"] for line in whole["texts"]] == list(passages)
    assert {(line["steps"], line["exact"]) for line in whole["texts"]} == {(2, False)}

    lines = whole["texts"]
    kept = lines[1] | {"accuracy": 0.375}  # nothing measured in two steps
    file.write_text(json.dumps(whole | {"texts": [kept]}))
    again = paper_steps.measure(file, cap=2, length=8)
    assert again["texts"] == [kept, lines[0], lines[2]]

    anew = paper_steps.measure(file, cap=1, length=8)  # another question: nothing is kept
    assert [line["steps"] for line in anew["texts"]] == [1, 1, 1]
