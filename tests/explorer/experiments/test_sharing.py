"""Sharing: what a group has in common, and the two aggregates of table 2."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from explorer.base.errors import BadInputError
from explorer.experiments import runs, sharing
from explorer.experiments.runs import Done, Header, Run
from explorer.figures.experiments import charts
from explorer.solutions.solution import load_solution
from explorer.specs.experiments import SharingSettings

if TYPE_CHECKING:
    from tests.explorer.experiments.conftest import MakeRun, MakeSettings


def made(accuracy: dict[tuple[str, int], list[list[float]]], **fields: Any) -> Run:
    """Make a run of numbers: (shared, S_g) to accuracies, one list a restart."""
    usual: dict[str, Any] = {"model": "tiny", "group_sizes": (1, 2), "texts": 2}
    settings = SharingSettings(**(usual | fields))
    header = Header(
        id="0" * 12,
        settings=settings,
        fingerprint="f" * 64,
        d_model=4,
        rotary=True,
        device="CPU",
        created="2026-01-02T03:04:05+00:00",
    )
    done = [
        Done(
            key=f"{vector}-{size}-{restart}",
            rows=[
                {"shared": vector, "s_g": size, "group": k // size, "text": k, "restart": restart,
                 "accuracy": a, "exact": a == 1, "steps": 1, "seconds": 1.0, "solution": "x"}
                for k, a in enumerate(texts)
            ],
            seconds=1.0,
            finished=header.created,
        )
        for (vector, size), restarts in accuracy.items()
        for restart, texts in enumerate(restarts)
    ]  # fmt: skip
    return Run(header, Path("nowhere"), tuple(done))


def test_a_group_has_one_vector_in_common_and_the_other_apart(measured: "MakeRun") -> None:
    run = measured("sharing")
    assert len(run.done) == 2 * (1 + 2)  # restarts; S_g = 1 once, S_g = 2 for e and for m
    assert len(set(run.table["solution"])) == len(run.table) == 6 * 4
    starts = set()
    for (vector, size, restart), cell in run.table.groupby(["shared", "s_g", "restart"]):
        found = {
            row["text"]: load_solution(run.folder / runs.SOLUTIONS / row["solution"])
            for row in cell.to_dict("records")
        }
        saved = found.values()
        starts.add((restart, *(s.record.seed for s in found.values())))
        distinct = {name: len({getattr(s, name).tobytes() for s in saved}) for name in "em"}
        assert distinct == {name: 4 // size if name == vector else 4 for name in "em"}
        for row in cell.to_dict("records"):
            record = found[row["text"]].record
            assert record.accuracy == row["accuracy"] and record.shared_m == (vector == "m")
    assert len(starts) == 2 and len({s for _, *seeds in starts for s in seeds}) == 8


def test_the_two_aggregates_of_table_2() -> None:
    run = made(
        {
            ("nothing", 1): [[1.0, 1.0], [1.0, 0.5]],
            ("e", 2): [[0.25, 1.0], [0.75, 0.5]],
            ("m", 2): [[1.0, 1.0], [0.0, 0.0]],
        }
    )
    table = sharing.summary(run).set_index(["shared", "s_g"])
    assert len(table) == 4
    e = table.loc[("e", 2)]
    assert (e["best"], e["best_sd"]) == pytest.approx((0.875, 0.125))
    assert (e["mean"], e["sd"]) == pytest.approx((0.625, np.std([0.25, 1.0, 0.75, 0.5])))
    assert e["exact"] == 0.5
    measured = ["best", "best_sd", "mean", "sd", "exact"]
    assert table.loc[("e", 1), measured].equals(table.loc[("m", 1), measured])
    assert table.loc[("m", 1), "paper_mean"] == "0.98 ± 0.07" and e["paper_mean"] == ""
    (chart,) = charts(run)
    assert len({(t.line.dash, t.marker.symbol) for t in chart.figure.data}) == 4
    assert "shared e 0.88 at S_g = 2" in chart.alt


HELD, HALF, NONE = ([[a] * 12 for a in restarts] for restarts in ((0.5, 1), (0.5, 0.5), (0, 0)))
"""Accuracies of twelve texts, a list a restart."""
IN_TURN = [[1.0, 0.0] * 6, [0.0, 1.0] * 6]
ONE_FAILS = [[1.0] * 10 + [0.0] * 2] * 2


@pytest.mark.parametrize(
    ("e", "m", "shown"),
    [
        (IN_TURN, HELD, True),  # of each text the best restart
        (HELD, HALF, False),
        (HELD, [[1.0] * 6 + [0.85] * 6] * 2, None),
        (HELD, ONE_FAILS, None),
        (HELD, HELD[1:], None),  # the other restart is not measured
        ([row[:10] for row in HELD], [row[:10] for row in HELD], None),  # five groups
    ],
)
def test_either_can_be_shared_when_the_best_restarts_hold_it(
    e: list[list[float]], m: list[list[float]], shown: bool | None
) -> None:
    cells = {("nothing", 1): [[1.0] * len(e[0])] * 2, ("e", 2): e, ("m", 2): m}
    (finding,) = sharing.findings(made(cells, texts=len(e[0])))
    assert finding.id == "F3" and finding.shown is shown


def test_a_group_says_whether_it_is_within_the_limit_and_not_by_how_much() -> None:
    """Of ten groups nine cost more than a tenth, and one gains so much that the mean does not."""
    alone = [[1.0] * 18 + [0.0] * 2] * 2
    shared = [[0.88] * 18 + [1.0] * 2] * 2
    cells = {("nothing", 1): alone, ("e", 2): shared, ("m", 2): alone}
    assert np.mean(np.array(shared) - alone) > -0.1
    (finding,) = sharing.findings(made(cells, texts=20))
    assert finding.shown is False and "0.011 against it" in finding.figure


def test_what_texts_do_not_reach_alone_is_not_held_against_sharing() -> None:
    cells = {("nothing", 1): HALF, ("e", 2): HALF, ("m", 2): HALF}
    assert sharing.findings(made(cells, texts=12))[0].shown is True


@pytest.mark.parametrize("alone", [{}, {("nothing", 1): HELD[1:]}])
def test_cells_that_are_done_before_those_of_one_text_decide_nothing_yet(
    alone: dict[tuple[str, int], list[list[float]]],
) -> None:
    (finding,) = sharing.findings(made(alone | {("e", 2): HELD, ("m", 2): HELD}, texts=12))
    assert finding.shown is None and "alone (S_g = 1)" in finding.figure


def test_a_group_needs_as_many_restarts_as_its_share_of_good_ones_says() -> None:
    cells = {("nothing", 1): HELD, ("e", 2): HELD, ("m", 2): NONE}
    table = sharing.summary(made(cells, texts=12)).set_index(["shared", "s_g"])
    assert table.loc[("e", 2), ["groups", "held", "restarts_needed"]].tolist() == [6, 0.5, 5]
    assert table.loc[("m", 2), "held"] == 0 and np.isnan(table.loc[("m", 2), "restarts_needed"])


def test_groups_that_do_not_come_out_even_are_a_sentence(small: "MakeSettings") -> None:
    with pytest.raises(BadInputError, match="4 texts cannot be put in groups of 3"):
        small("sharing", group_sizes=(1, 3))
    with pytest.raises(BadInputError, match="16 texts cannot be put in groups of 5"):
        sharing.EXPERIMENT.make({"model": "tiny", "group_sizes": (5,)})


def test_every_preset_can_be_made() -> None:
    for fields in sharing.EXPERIMENT.presets.values():
        settings = sharing.EXPERIMENT.make({"model": "tiny", **fields})
        keys = [cell.key for cell in sharing.EXPERIMENT.cells(settings)]
        assert len(set(keys)) == len(keys)
