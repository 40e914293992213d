"""Records say what they were computed with, and files that say nothing still open."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

import explorer
from explorer.assets.first_position import FirstPosition
from explorer.base import folders, provenance
from explorer.base.provenance import then
from explorer.experiments import exports, runs
from explorer.experiments.catalogue import experiment
from explorer.geometry.maps import MapRecord
from explorer.landscape.result import Landscape
from explorer.paths.header import PathsHeader
from explorer.paths.result import Paths
from explorer.solutions import sets, store
from explorer.solutions.recording import RecordingHeader, RecordingLog, read_log
from explorer.solutions.solution import Solution, SolutionRecord, read_record
from explorer.solutions.store import Race
from explorer.specs.jobs import MapSpec


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
        "recipe": {}, "texts": [{"text": "a", "target_ids": [1]}], "device": "cuda",
        "solutions": [{"id": i, "seed": 0, "text": 0} for i in "ab"], "pairs": [(0, 1)],
    }  # fmt: skip
    header = PathsHeader.model_validate(fields | {"versions": {"torch": "1.0"}})
    update = provenance.gone_on(header, device="cpu", searched_in="float32")
    assert update["device"] == "cuda, then cpu" and update["searched_in"] == "float32"
    assert update["versions"]["torch"] == f"1.0, then {torch.__version__}"
    old = provenance.gone_on(PathsHeader.model_validate(fields | {"versions": {}}), device="cuda")
    assert old["versions"]["explorer"] == f"not noted, then {explorer.__version__}"


FRAMES: dict[str, Any] = {
    "model": "tiny",
    "target_ids": [1],
    "seeds": [0],
    "d_model": 8,
    "arrangement": "e",
}
RACE = dict.fromkeys(("one_forward_text", "autoregressive_text", "device"), "") | {
    "tokens": 1,
    "one_forward_seconds": 0,
    "autoregressive_seconds": 0,
}
PROBE = dict.fromkeys(("fingerprint", "sink_text", "computed_in"), "") | dict.fromkeys(
    ("words", "alone", "behind", "sink", "steps"), 1
)
MAP = dict.fromkeys(("solutions", "coordinates", "explained", "purity"), ()) | {
    "key": "k",
    "spec": MapSpec(sets=("a",)),
}


RUN = dict.fromkeys(("id", "fingerprint", "device", "created"), "") | {
    "settings": experiment("throughput").make({"model": "tiny"}),
    "d_model": 8,
    "rotary": True,
}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (RecordingHeader, FRAMES),
        (Race, RACE),
        (FirstPosition, PROBE),
        (MapRecord, MAP),
        (runs.Header, RUN),
    ],
)
def test_what_is_kept_notes_the_versions_that_made_it(
    kind: type[provenance.Recorded], fields: dict[str, Any]
) -> None:
    made = kind(**fields)
    assert made.versions == provenance.versions()
    assert kind.model_validate_json(made.model_dump_json()) == made
    of_before = kind.model_validate_json(made.model_dump_json(exclude={"versions"}))
    assert of_before.versions == {} and provenance.in_words(of_before.versions) == "unknown"


def test_a_recording_that_goes_on_names_both_versions(tmp_path: Path) -> None:
    before = RecordingHeader(**FRAMES, versions={"torch": "1.0"})
    RecordingLog(tmp_path, before).publish(np.zeros(1, before.frame_dtype))
    log = RecordingLog(tmp_path, RecordingHeader(**FRAMES))
    assert log.header.versions["torch"] == f"1.0, then {torch.__version__}"
    found = read_log(tmp_path)
    assert found is not None and len(found) == 1 and found.header == log.header


def test_everything_that_ships_opens() -> None:
    root = folders.recorded()
    files = [f for f in root.rglob("*.safetensors") if not f.name.endswith(store.NOT_SOLUTIONS)]
    assert len([read_record(file) for file in files]) > 1000
    assert all(runs.load(folder).done for folder in (root / "experiments").iterdir())
    assert all(sets.load(folder).members for folder in (root / "sets").iterdir())
    (paths,) = (root / "paths" / "1-four-texts").rglob("paths.safetensors")
    (plane,) = (root / "landscape").rglob("landscape.safetensors")
    assert Paths.load(paths).header.device and Landscape.load(plane).header.device


def test_records_of_before_note_nothing_and_open(
    make_solution: Callable[..., Solution], make_set: Callable[..., str]
) -> None:
    """None of the fields that say what a record was computed with is needed to read one."""
    new = {"versions", "threads", "searched_in", "sampled_in", "computed"}
    record = make_solution().record
    old = SolutionRecord.model_validate(record.model_dump(exclude=new))
    assert (old.versions, old.threads, old.searched_in) == ({}, None, "float32")
    made = sets.load(sets.folder_of(make_set()))
    texts = [text.model_dump(exclude=new) for text in made.texts]
    fields = made.model_dump(mode="json", exclude=new) | {"texts": texts}
    again = sets.SetRecord.model_validate_json(json.dumps(fields))
    assert again.versions == {} and {text.sampled_in for text in again.texts} == {None}
    shipped = next(iter(sorted((folders.recorded() / "experiments").iterdir())))
    run = runs.load(shipped)
    done = tuple(runs.Done.model_validate(c.model_dump(exclude=new)) for c in run.done)
    bare = runs.Run(run.header, run.folder, done)
    assert bare.computed == [] and bare.devices == run.header.device
    assert set(exports.flat(bare)) == set(bare.table)
