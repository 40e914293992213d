"""A larger grid begins with what smaller ones have measured, and only with what is the same."""

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from explorer.base import folders
from explorer.experiments import runs
from explorer.experiments.catalogue import EXPERIMENTS, experiment
from explorer.experiments.runs import Run
from explorer.solutions.solution import load_solution
from tests.steps import exhaust

if TYPE_CHECKING:
    from tests.explorer.experiments.conftest import MakeRun, MakeSettings, MakeTask

LARGER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "arrangements": (
        {"arrangements": ("halves",), "lengths": (1, 3)},
        {"arrangements": ("halves", "e+mN"), "lengths": (1, 3, 4)},
    ),
    "sharing": (
        {"group_sizes": (1,), "shared": ("m",), "restarts": 2},
        {"group_sizes": (1, 2), "shared": ("e", "m"), "restarts": 3},
    ),
    "capacity": (
        {"schemes": ("m free",)},
        {"schemes": ("m shared", "m free"), "sources": ("unseen", "random")},
    ),
}


def rows(run: Run) -> dict[str, list[dict[str, Any]]]:
    """Return what each cell measured, without its time and the names that a run gives files."""
    return {
        done.key: [
            {name: value for name, value in row.items() if name not in ("seconds", "solution")}
            for row in done.rows
        ]
        for done in run.done
    }


@pytest.mark.parametrize("name", LARGER)
def test_a_larger_grid_measures_only_what_is_new_and_all_of_it_alike(
    name: str, small: "MakeSettings", task: "MakeTask", measured: "MakeRun"
) -> None:
    less, more = LARGER[name]
    known = measured(name, **less)
    larger = task(small(name, **more))
    assert larger.resumed and larger.run.keys == known.keys
    assert larger.run.done == known.done and larger.run.header.id != known.header.id
    for row in larger.run.table.to_dict("records"):
        found = load_solution(larger.run.folder / runs.SOLUTIONS / row["solution"])
        assert found.record.accuracy == row["accuracy"]
    exhaust(larger.steps())
    assert not larger.experiment.left(larger.run)

    for folder in (known.folder, larger.run.folder):
        shutil.rmtree(folder)
    anew = task(small(name, **more))
    assert not anew.resumed
    exhaust(anew.steps())
    np.testing.assert_equal(rows(anew.run), rows(larger.run))


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"texts": 3}, {"restarts": 2}, {"source": "random"}]
)
def test_nothing_is_taken_from_a_run_that_differs_otherwise(
    change: dict[str, Any], small: "MakeSettings", task: "MakeTask", measured: "MakeRun"
) -> None:
    measured("arrangements", arrangements=("e+mN",), lengths=(1,))
    assert not task(small("arrangements", arrangements=("e+mN",), lengths=(1, 3), **change)).resumed


def test_nothing_is_taken_where_the_longer_length_draws_other_texts(
    small: "MakeSettings",
    task: "MakeTask",
    measured: "MakeRun",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from explorer.experiments import taking_over

    measured("arrangements", arrangements=("e+mN",), lengths=(1,))
    draw = taking_over.draw_many
    monkeypatch.setattr(
        taking_over,
        "draw_many",
        lambda source, count, seed, *rest: draw(source, count, seed + rest[-1], *rest),
    )
    assert not task(small("arrangements", arrangements=("e+mN",), lengths=(1, 3))).resumed


def test_what_ships_is_measured_by_whoever_repeats_it(
    small: "MakeSettings", task: "MakeTask", measured: "MakeRun", monkeypatch: pytest.MonkeyPatch
) -> None:
    known = measured("arrangements", arrangements=("e+mN",), lengths=(1,))
    monkeypatch.setattr(folders, "recorded", lambda: known.folder.parents[1])
    assert not task(small("arrangements", arrangements=("e+mN",), lengths=(1, 3))).resumed


def test_a_cell_whose_solutions_are_gone_is_measured(
    small: "MakeSettings", task: "MakeTask", measured: "MakeRun"
) -> None:
    known = measured("arrangements", arrangements=("e+mN",), lengths=(1, 3))
    gone = known.done[0].rows[0]["solution"]
    (known.folder / runs.SOLUTIONS / gone).unlink()
    found = task(small("arrangements", arrangements=("e+mN",), lengths=(1, 3, 4))).run
    assert found.keys == {known.done[1].key}
    named = {row["solution"] for row in found.table.to_dict("records")}
    assert {file.name for file in (found.folder / runs.SOLUTIONS).iterdir()} == named


def test_every_name_of_a_grid_is_a_setting() -> None:
    for name, asked in EXPERIMENTS.items():
        assert set(asked.grid) <= set(experiment(name).settings.model_fields)


def test_a_cell_that_does_not_say_what_it_was_computed_with_is_measured(
    small: "MakeSettings", task: "MakeTask", measured: "MakeRun"
) -> None:
    """It would be told to be of the device on which the larger run began."""
    known = measured("arrangements", arrangements=("e+mN",), lengths=(1,))
    cells = known.folder / runs.CELLS_FILE
    old = known.done[0].model_copy(update={"computed": None})
    cells.write_text(old.model_dump_json() + "\n")
    assert not task(small("arrangements", arrangements=("e+mN",), lengths=(1, 3))).resumed


def test_a_kill_while_cells_are_taken_over_loses_none(
    small: "MakeSettings",
    task: "MakeTask",
    measured: "MakeRun",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = measured("arrangements", arrangements=("e+mN",), lengths=(1, 3))
    append, settings = runs.append, small("arrangements", arrangements=("e+mN",), lengths=(1, 3, 4))

    def killed(folder: Any, cell: Any) -> None:
        append(folder, cell)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        task(settings)
    monkeypatch.setattr(runs, "append", append)
    assert task(settings).run.keys == known.keys
