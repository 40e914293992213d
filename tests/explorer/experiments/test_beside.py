"""The paper's findings beside runs: what was run is said, what was not is empty."""

from typing import TYPE_CHECKING

from explorer.experiments import arrangements, beside, paper

if TYPE_CHECKING:
    from tests.explorer.experiments.conftest import MakeRun


def test_every_finding_has_an_answer_and_none_is_guessed(measured: "MakeRun") -> None:
    nothing = beside.answers([])
    assert list(nothing["id"]) == [s.id for s in paper.findings()]
    assert set(nothing["here"]) == {beside.NOT_RUN} and set(nothing["figure"]) == {""}
    run = measured("arrangements", lengths=(4,), texts=1)
    found = beside.answers(beside.of_runs([run])).set_index("id")
    two = next(f for f in arrangements.findings(run) if f.id == "F1")
    assert found.loc["F1", "figure"] == two.figure and two.figure
    assert found.loc["F1", "here"] == beside.ANSWERS[two.shown]
    assert found.loc["F8", "here"] == beside.NOT_RUN


def test_our_table1_is_the_runs_own(measured: "MakeRun") -> None:
    assert beside.table1(None) is None
    run = measured("arrangements", lengths=(1,))
    ours = beside.table1(run)
    assert ours is not None and set(ours["n"]) == {1} and len(ours) == 5
