"""Records say what they were computed with, and files that say nothing still open."""

from typing import Any

import pytest
import torch
import transformers

import explorer
from explorer import folders, provenance, store
from explorer.experiments import runs
from explorer.landscape.result import Landscape
from explorer.paths.header import PathsHeader
from explorer.paths.result import Paths
from explorer.provenance import then
from explorer.sets import records
from explorer.solutions import read_record


def test_versions_are_those_that_compute() -> None:
    assert provenance.versions() == {
        "explorer": explorer.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    provenance.versions().clear()
    assert len(provenance.versions()) == 3


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ("", "cpu", "cpu"),
        ("cpu", "cpu", "cpu"),
        ("cpu", "cuda", "cpu, then cuda"),
        ("cpu, then cuda", "cuda", "cpu, then cuda"),
        ("cpu, then cuda", "cpu", "cpu, then cuda, then cpu"),
    ],
)
def test_what_changed_on_the_way_is_said_in_order(before: str, now: str, said: str) -> None:
    assert then(before, now) == said


def test_work_that_goes_on_names_both_versions() -> None:
    fields: dict[str, Any] = {
        "model": "tiny", "fingerprint": "f", "arrangement": "e+mN", "kind": "bezier",
        "recipe": {}, "texts": [], "solutions": [], "pairs": [], "device": "cuda",
    }  # fmt: skip
    header = PathsHeader.model_validate(fields | {"versions": {"torch": "1.0"}})
    update = provenance.gone_on(header, device="cpu", searched_in="float32")
    assert update["device"] == "cuda, then cpu" and update["searched_in"] == "float32"
    assert update["versions"]["torch"] == f"1.0, then {torch.__version__}"
    old = provenance.gone_on(PathsHeader.model_validate(fields), device="cuda")
    assert old["versions"]["explorer"] == f"not noted, then {explorer.__version__}"


def test_everything_that_ships_opens_though_it_notes_no_versions() -> None:
    """Files of before have none of the new fields."""
    root = folders.recorded()
    files = [f for f in root.rglob("*.safetensors") if not f.name.endswith(store.NOT_SOLUTIONS)]
    noted = [read_record(file)[0] for file in files]
    assert len(noted) > 1000
    assert all(record.versions == {} and record.threads is None for record in noted)
    for folder in (root / "experiments").iterdir():
        run = runs.load(folder)
        assert run.done and run.computed == [] and run.devices == run.header.device
    for folder in (root / "sets").iterdir():
        record = records.load(folder)
        assert record.members and record.versions == {}
        assert {text.sampled_in for text in record.texts} == {None}
    (paths,) = (root / "paths").rglob("paths.safetensors")
    assert Paths.load(paths).header.versions == {}
    (plane,) = (root / "landscape").rglob("landscape.safetensors")
    assert Landscape.load(plane).header.versions == {}
