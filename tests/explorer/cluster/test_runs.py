"""A run as its driver keeps it, without a cluster."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from explorer.base import folders
from explorer.base.errors import CorruptFileError
from explorer.cluster import parts
from explorer.cluster.parts import Finished
from explorer.cluster.runs import RunDivision
from explorer.experiments import runs
from explorer.experiments.runs import Done

if TYPE_CHECKING:
    from explorer.specs.experiments import Settings
    from tests.explorer.experiments.conftest import MakeRun, MakeSettings, MakeTask


def begun(settings: "Settings", task: "MakeTask") -> RunDivision:
    """Return a run whose first node has said what it comes to."""
    division = RunDivision(settings, "custom")
    division.begin(parts.read(task(settings).folder))
    return division


def test_what_a_lost_node_has_sent_is_what_the_next_begins_with(
    small: "MakeSettings", task: "MakeTask"
) -> None:
    settings = small("arrangements", arrangements=("halves", "e+mN"))
    division = begun(settings, task)
    part, other, *_ = division.left()
    kept = runs.work_of(division.run.header.id) / runs.checkpoint_name(part.key)
    sent = {str(kept.relative_to(folders.local())): b"as far as it came"}
    division.keep_step(part, sent)
    assert division.known(part) == sent | division.known(other)
    assert [Path(name).name for name in division.known(other)] == [runs.HEADER_FILE]


def test_a_node_knows_what_is_measured_and_adds_its_cell_to_it(
    small: "MakeSettings", task: "MakeTask"
) -> None:
    division = begun(small("arrangements", arrangements=("halves", "e+mN")), task)
    for part in division.left():
        made = division.known(part)  # what a ladder tries next follows from it
        name = str((division.run.folder / runs.CELLS_FILE).relative_to(folders.local()))
        done = Done(key=part.key, rows=[], seconds=1.0, finished="2026-01-01T00:00:00+00:00")
        made[name] = made.get(name, b"") + done.model_dump_json().encode() + b"\n"
        division.keep(part, Finished(made))
        assert part.key in division.run.keys | {
            cell.key for cell in runs.load(division.run.folder).done
        }
    assert not division.left()
    lines = (division.run.folder / runs.CELLS_FILE).read_bytes().splitlines()
    assert len(lines) == 4 == len(division.run.done)


def test_a_node_that_answers_for_another_cell_or_writes_elsewhere_is_refused(
    small: "MakeSettings", task: "MakeTask"
) -> None:
    settings = small("arrangements", arrangements=("halves", "e+mN"))
    division = begun(settings, task)
    part, other, *_ = division.left()
    done = Done(key=other.key, rows=[], seconds=1.0, finished="2026-01-01T00:00:00+00:00")
    with pytest.raises(CorruptFileError, match="where"):
        division.keep(part, Finished({runs.CELLS_FILE: done.model_dump_json().encode()}))
    with pytest.raises(CorruptFileError, match="has not sent"):
        division.keep(part, Finished({}))
    with pytest.raises(CorruptFileError, match="leads away"):
        division.keep_step(part, {"../elsewhere": b""})
    assert {cell.key for cell in division.left()} >= {part.key, other.key}


def test_a_larger_grid_begins_with_what_this_machine_has_measured(
    small: "MakeSettings", task: "MakeTask", measured: "MakeRun"
) -> None:
    known = measured("arrangements", arrangements=("e+mN",), lengths=(1,))
    larger = task(small("arrangements", arrangements=("halves", "e+mN"), lengths=(1, 3)))
    made = parts.read(larger.folder)  # what a node sends, and nothing else is here
    shutil.rmtree(larger.folder)
    division = RunDivision(larger.run.settings, "custom")
    division.begin(made)
    assert division.run.done == known.done
    assert {part.key for part in division.left()} == {"A2-1", "A2-3", "A4-3"}
