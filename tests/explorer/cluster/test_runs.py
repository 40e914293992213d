"""A run as its driver keeps it, without a cluster."""

from typing import TYPE_CHECKING

import pytest

from explorer.base import folders
from explorer.base.errors import CorruptFileError
from explorer.cluster.parts import Finished
from explorer.cluster.runs import RunDivision
from explorer.experiments import runs

if TYPE_CHECKING:
    from tests.explorer.experiments.conftest import MakeSettings, MakeTask


def test_what_a_lost_node_has_sent_is_what_the_next_begins_with(
    small: "MakeSettings", task: "MakeTask"
) -> None:
    settings = small("arrangements", arrangements=("halves", "e+mN"))
    header = task(settings).run.header
    division = RunDivision(settings, "custom")
    division.begin({"header": header.model_dump(mode="json")})
    part, other, *_ = division.left()
    kept = runs.work_of(header.id) / runs.checkpoint_name(part.key)
    sent = {str(kept.relative_to(folders.local())): b"as far as it came"}
    division.keep_step(part, sent)
    assert division.known(part) == sent and division.known(other) == {}


def test_a_node_that_answers_for_another_cell_or_writes_elsewhere_is_refused(
    small: "MakeSettings", task: "MakeTask"
) -> None:
    settings = small("arrangements", arrangements=("halves", "e+mN"))
    header = task(settings).run.header
    division = RunDivision(settings, "custom")
    division.begin({"header": header.model_dump(mode="json")})
    part, other, *_ = division.left()
    done = {"key": other.key, "rows": [], "seconds": 1.0, "finished": "2026-01-01T00:00:00+00:00"}
    with pytest.raises(CorruptFileError, match="where"):
        division.keep(part, Finished({"done": done}, {}))
    with pytest.raises(CorruptFileError, match="leads away"):
        division.keep_step(part, {"../elsewhere": b""})
    assert {cell.key for cell in division.left()} >= {part.key, other.key}
