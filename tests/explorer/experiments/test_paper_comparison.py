"""The paper's statements and tables beside runs: what was run is said, what was not is empty."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from explorer.experiments import (
    arrangements,
    paper,
    paper_comparison,
    runs,
    throughput,
)
from explorer.experiments import training_time as times
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.paper_comparison import Evidence
from explorer.experiments.runs import Done, Header, Run
from explorer.experiments.verdicts import Finding
from explorer.specs.arrangements import PAPER_KEYS

if TYPE_CHECKING:
    from tests.explorer.experiments.conftest import MakeRun


def hand_made(name: str, rows: list[dict[str, Any]], **fields: Any) -> Run:
    """Give a run with these rows, all in one cell."""
    header = Header(
        id="0123456789ab",
        settings=EXPERIMENTS[name].make({"model": "a/tiny", **fields}),
        fingerprint="f" * 64,
        d_model=4,
        rotary=True,
        device="CPU",
        created="2026-01-02T03:04:05+00:00",
    )
    return Run(
        header, Path("nowhere"), (Done(key="all", rows=rows, seconds=1, finished=header.created),)
    )


def shared(accuracy: dict[tuple[str, int], list[list[float]]]) -> Run:
    """Give a sharing run: (shared, S_g) to accuracies, one list a restart."""
    rows = [
        {"shared": vector, "s_g": size, "group": k // size, "text": k, "restart": restart,
         "accuracy": a, "exact": a == 1}
        for (vector, size), restarts in accuracy.items()
        for restart, texts in enumerate(restarts)
        for k, a in enumerate(texts)
    ]  # fmt: skip
    return hand_made("sharing", rows, group_sizes=(1, 2), texts=2)


def timed(*lengths: tuple[int, float, float]) -> Run:
    """Give a throughput run: n, seconds of one pass, seconds token by token."""
    rows = [
        {"n": n, "side": side, "repeat": r, "seconds": s}
        for n, *both in lengths
        for side, s in zip((throughput.ONE_FORWARD, throughput.AUTOREGRESSIVE), both, strict=True)
        for r in range(3)
    ]
    return hand_made("throughput", rows)


def trained(
    *lengths: tuple[int, float], texts: int = 6, stuck: Mapping[int, int] = MappingProxyType({})
) -> Run:
    """Give a training-time run of texts that are alike but for a little: n, seconds.

    Args:
        lengths: N, and the seconds of the first text.
        texts: how many.
        stuck: N, and how many of the first are not exact there.
    """
    rows = [
        {"n": n, "text": k, "restart": 0, "exact": k >= stuck.get(n, 0), "steps": n,
         "text_seconds": s * (1 + k * n / 5000)}
        for n, s in lengths for k in range(texts)
    ]  # fmt: skip
    return hand_made("training-time", rows, texts=texts)


def test_every_finding_has_an_answer_and_none_is_guessed(measured: "MakeRun") -> None:
    for statements in (paper.FINDINGS, paper.MEASURED):
        nothing = paper_comparison.answers([], statements)
        assert list(nothing["id"]) == [s.id for s in statements]
        assert set(nothing["here"]) == {paper_comparison.NOT_RUN} and set(nothing["figure"]) == {""}
    run = measured("arrangements", lengths=(4,), texts=1)
    found = paper_comparison.answers(paper_comparison.of_runs([run])).set_index("id")
    two = next(f for f in arrangements.findings(run) if f.id == "F1")
    assert found.loc["F1", "figure"] == two.figure and two.figure
    assert found.loc["F1", "here"] == paper_comparison.ANSWERS[two.shown]
    assert found.loc["F8", "here"] == paper_comparison.NOT_RUN
    assert two.claim == found.loc["F1", "paper"]
    more = paper_comparison.answers(paper_comparison.of_runs([run]), paper.MEASURED).set_index("id")
    assert more.loc["I5", "from"] == f"Arrangements run {run.header.id[:6]}"


def test_what_tests_nothing_gives_way_to_what_does_on_the_same_model() -> None:
    said = [
        Evidence(Finding("F1", shown, figure), model, "run")
        for shown, figure, model in (
            (None, "Needs A1.", "tiny"),
            (True, "Says it.", "tiny"),
            (False, "Denies.", "tiny"),
            (None, "Cannot tell.", "other"),
        )
    ]
    open_still = Evidence(Finding("F1", None, "p = .3", tested=True), "tiny", "run")
    other = Evidence(Finding("F2", None, "So."), "tiny", "run")
    found = paper_comparison.answers([*said, open_still, other])
    of = {name: list(found[found["id"] == name]["figure"]) for name in ("F1", "F2")}
    assert of == {"F1": ["Says it.", "Denies.", "Cannot tell.", "p = .3"], "F2": ["So."]}


def test_our_table1_is_the_runs_own(measured: "MakeRun") -> None:
    assert paper_comparison.table1(None) is None
    run = measured("arrangements", lengths=(1,))
    ours = paper_comparison.table1(run)
    assert ours is not None and set(ours["n"]) == {1} and len(ours) == len(PAPER_KEYS)


def test_table2_without_a_run_is_the_papers_alone() -> None:
    table = paper_comparison.table2(None)
    assert len(table) == 6
    assert set(table["best restart, here"]) == set(table["all restarts, here"]) == {""}
    row = table[(table["shared"] == "m") & (table["S_g"] == 256)].iloc[0]
    assert (row["best restart, paper"], row["all restarts, paper"]) == (
        "1.00 ± 0.01",
        "0.83 ± 0.18",
    )


def test_table2_holds_both_aggregates_of_ours_beside() -> None:
    run = shared(
        {
            ("nothing", 1): [[1.0, 1.0], [1.0, 0.5]],
            ("e", 2): [[0.25, 1.0], [0.75, 0.5]],
            ("m", 2): [[1.0, 1.0]],
        }
    )
    table = paper_comparison.table2(run).set_index(["shared", "S_g"])
    assert table.loc[("e", 2), "best restart, here"] == "0.88 ± 0.12"  # of .75 and 1
    assert table.loc[("e", 2), "all restarts, here"] == "0.62 ± 0.28"
    assert table.loc[("m", 2), "best restart, here"] == ""  # one restart has no best
    assert table.loc[("m", 2), "all restarts, here"] == "1.00 ± 0.00"
    assert table.loc[("e", 2), "best restart, paper"] == ""
    assert table.loc[("e", 256), "all restarts, here"] == ""


def test_both_readings_of_the_speed_stand_beside_the_papers() -> None:
    assert set(paper_comparison.speed(None)["here"]) == {""}
    table = paper_comparison.speed(timed((10, 0.1, 1.0), (40, 0.2, 8.0)))
    assert table["paper"].str.contains("279").sum() == 2
    assert list(table["here"]) == ["25.0 (N = 10 to 40)", "40.0 (N = 40)", "100 to 200", "5 to 10"]


LINEAR = [(8, 1.0), (16, 2.0), (32, 4.0)]
STEEP = [(8, 1.0), (16, 4.0), (32, 16.0)]
FLAT = [(8, 1.0), (16, 1.0), (32, 1.0)]


@pytest.mark.parametrize(
    ("lengths", "fields", "shown", "said"),
    [
        (LINEAR[:2], {}, None, "Needs 3 lengths"),
        (LINEAR, {}, True, ""),
        (LINEAR, {"texts": 5}, None, ""),
        (LINEAR, {"stuck": {32: 6}}, None, "at least that"),
        (LINEAR, {"stuck": {8: 1}}, None, "1 of 6 texts never became exact"),
        (LINEAR, {"stuck": {8: 1, 32: 2}}, None, "2 of 6 texts never became exact"),
        (LINEAR, {"stuck": {16: 6}}, True, ""),  # the middle one does not turn the line
        (STEEP, {}, False, ""),
        (STEEP, {"stuck": {32: 6}}, False, "at least that"),
        (STEEP, {"stuck": {8: 6}}, None, "at most that"),
        (STEEP, {"stuck": {8: 1, 32: 1}}, None, "is open"),
        (FLAT, {}, False, ""),
        (FLAT, {"stuck": {32: 6}}, None, "at least that"),
        (FLAT, {"stuck": {8: 1}}, False, "at most that"),
    ],
)
def test_e11_is_shown_where_the_slope_is_about_one(
    lengths: list[tuple[int, float]], fields: dict[str, Any], shown: bool | None, said: str
) -> None:
    """Stuck at the longest N, a text takes longer than it was given: its slope is larger."""
    run = trained(*lengths, **fields)
    (finding,) = times.findings(run)
    slopes = [
        np.polyfit(*np.log(rows[["n", "text_seconds"]].to_numpy(float)).T, 1)[0]
        for _, rows in run.table.groupby("text")
    ]
    assert finding.id == "E11" and finding.shown is shown and said in finding.figure
    if len(lengths) > 2:
        assert f"mean {np.mean(slopes):.2f}, {min(slopes):.2f} to" in finding.figure
        assert ("never became exact" in finding.figure) is bool(said)


def test_table3_takes_the_newest_measurement_of_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    newer, older = timed((2, 1.0, 1.0)), timed((3, 1.0, 1.0))
    assert paper_comparison.table3([newer, older]) is None

    def rows(run: Run) -> pd.DataFrame:
        old = run is older
        return pd.DataFrame(
            [
                ("tiny", "pg19", False, 8 if old else 16, 1.0, 0.1),
                ("tiny", "random", False, 4 if old else None, 1.0, 0.1),
            ],
            columns=["model", "source", "m_shared", "c_tokens", "h_lm", "h_lm_sd"],
        )

    monkeypatch.setitem(paper_comparison.TABLE3, "throughput", rows)
    table = paper_comparison.table3([newer, older])
    assert table is not None
    assert dict(zip(table["source"], table["c_tokens"], strict=True)) == {"pg19": 16, "random": 4}


def test_differences_of_protocol_are_words() -> None:
    run = hand_made("sharing", [], texts=16, length=16)
    said = paper_comparison.differences(run)
    assert "The paper does not give" not in said
    for words in (
        "N = 16, not N = 256",
        "16 texts, not 256 texts",
        "arrangement A4, not",
        "Shakespeare, not PG-19",
        "a model that the paper does not use",
        "recipe “independent”",
        "S_g = 1, 4, 16, not S_g = 1, 4, 16, 64, 256",
    ):
        assert words in said
    asked = EXPERIMENTS["sharing"]
    own = {**asked.presets["paper"], "model": "EleutherAI/pythia-160m", "arrangement": "e+mN-1"}
    assert (
        paper_comparison.differences(hand_made("sharing", [], **own))
        == "The protocol is the paper's."
    )


def test_a_sentence_says_its_steps_once() -> None:
    """“recipe independent, 200 steps, recorded as fast, 200 steps with at most 200 steps”."""
    for folder in runs.run_folders():
        run = runs.load(folder)
        if (recipe := getattr(run.settings, "recipe", None)) is None:
            continue
        for said in (
            EXPERIMENTS[run.settings.experiment].sentence(run),
            paper_comparison.differences(run),
        ):
            assert said.count(f"{recipe.max_steps:,} steps") == 1, said
            assert said.count("“independent") == 1, said
            assert f", {recipe.max_steps} steps" not in said.replace("at most", "")


def test_what_only_our_preset_settles_is_no_difference_from_the_paper() -> None:
    """The paper gives no number of texts or restarts for capacity (E3) and training time (E11)."""
    for name in ("capacity", "training-time"):
        run = hand_made(name, [], texts=2, restarts=2)
        differs, _, left_open = paper_comparison.differences(run).partition(
            " The paper does not give these; here: "
        )
        assert "not 10 texts" not in differs and "restart" not in differs
        assert "2 texts" in left_open and "2 restarts" in left_open
        assert "recipe “paper” with at most 5,000 steps" in differs
    ours = hand_made("capacity", [], texts=1, restarts=1)
    assert "; 1 restart" in paper_comparison.differences(
        ours
    ) and "1 text;" in paper_comparison.differences(ours)
    assert "fan fiction" in paper_comparison.differences(ours)


def test_the_papers_protocols_are_settings_there_are() -> None:
    assert set(paper.PROTOCOLS) <= set(EXPERIMENTS)
    for name, fields in paper.PROTOCOLS.items():
        known = EXPERIMENTS[name].settings.model_fields
        assert set(fields) <= set(known)
        preset = EXPERIMENTS[name].presets["paper"]
        for field in set(fields) & set(preset) - {"sources", "recipe"}:
            assert preset[field] == fields[field]
