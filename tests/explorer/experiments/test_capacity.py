"""Capacity: ladders climbed and left, numbers that follow from saved files, and what they say."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from explorer.assets import first_position
from explorer.assets.first_position import FirstPosition
from explorer.base.errors import BadInputError
from explorer.estimates import run_time
from explorer.experiments import capacity, ladders, paper_comparison, runs
from explorer.experiments.definition import in_words
from explorer.experiments.runs import Done, Header, Run
from explorer.figures import paper_table
from explorer.figures.experiments import charts
from explorer.solutions.solution import load_solution, read_record
from explorer.specs.experiments import LADDER, CapacitySettings
from tests.explorer.solutions.memories import load_memory
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from tests.explorer.experiments.conftest import MakeRun, MakeSettings, MakeTask

NATS = {"random": 8.0, "seen": 4.0, "unseen": 4.5, "generated": 3.0}
FULL = CapacitySettings(model="some/tiny").recipe.max_steps


def done(source: str, scheme: str, n: int, *texts: float | None) -> Done:
    """Give a finished length: the accuracy of each text, none where it was not tried."""
    rows = [
        {"source": source, "scheme": scheme, "n": n, "text": k, "restart": restart,
         "accuracy": accuracy if restart else accuracy / 2, "exact": accuracy == 1 and restart == 1,
         "h_lm": n * NATS[source], "steps": 9 if restart else FULL, "seconds": 1.0, "solution": "x"}
        for k, accuracy in enumerate(texts) if accuracy is not None for restart in range(2)
    ]  # fmt: skip
    key = f"{source}-{scheme.replace(' ', '-')}-{n}"
    return Done(key=key, rows=rows, seconds=1.0, finished="2026-01-02T03:04:05+00:00")


def made(*cells: Done, **fields: Any) -> Run:
    usual = {"model": "some/tiny", "ladder": (4, 5, 8, 11, 16), "texts": 2}
    header = Header(
        id="0" * 12,
        settings=CapacitySettings(**(usual | fields)),
        fingerprint="f" * 64,
        d_model=4,
        rotary=True,
        device="CPU",
        created="2026-01-02T03:04:05+00:00",
    )
    return Run(header, Path("nowhere"), cells)


def climbed(heights: Mapping[tuple[str, str], int], texts: int = 2, **fields: Any) -> Run:
    """Make a run whose texts all climb to a height (0: none) and fail at the next length."""
    ladder = (4, 5, 8, 11, 16)
    cells = []
    for (source, scheme), height in heights.items():
        cells += [done(source, scheme, n, *[1.0] * texts) for n in ladder if n <= height]
        cells += [done(source, scheme, n, *[0.5] * texts) for n in ladder if n > height][:1]
    sources = tuple(dict.fromkeys(source for source, _ in heights))
    schemes = tuple(dict.fromkeys(scheme for _, scheme in heights))
    return made(*cells, sources=sources, schemes=schemes, texts=texts, **fields)


def test_the_grid_is_a_ladder_for_each_source_and_scheme() -> None:
    settings = CapacitySettings(model="tiny", ladder=(4, 16, 32), sources=("unseen", "random"))
    cells = capacity.cells(settings)
    assert len(cells) == len({c.key for c in cells}) == 2 * 4 * 3
    assert [c.at["n"] for c in cells] == [4] * 8 + [16] * 8 + [32] * 8  # all climb side by side


def test_a_text_that_failed_is_not_tried_again_but_shares_its_m() -> None:
    run = made(done("seen", "m free", 4, 0.5, 1.0), done("seen", "m shared", 4, 0.5, 0.99))
    assert ladders.climbing(run, "seen", "m free", 5) == [1]
    assert ladders.climbing(run, "seen", "m free", 4) == [0, 1]
    assert ladders.climbing(run, "seen", "m shared", 5) == [0, 1]
    assert ladders.climbing(run, "random", "m free", 16) == [0, 1]
    over = made(*run.done, done("seen", "m free", 5, None, 0.98))
    assert ladders.climbing(over, "seen", "m free", 8) == []


def test_longer_lengths_of_a_ladder_that_is_over_are_left_out_and_count_as_done() -> None:
    over = climbed({("seen", "m free"): 4, ("random", "m free"): 0})
    assert capacity.EXPERIMENT.left(over) == []
    assert run_time.fraction(capacity.EXPERIMENT, over) == 1.0
    table = capacity.left_out(over)
    left_out = sorted(zip(table["source"], table["n"], strict=True))
    assert left_out == [("random", n) for n in (5, 8, 11, 16)] + [("seen", n) for n in (8, 11, 16)]
    assert table["why"].str.contains("failed at a shorter length").all()
    half = made(*over.done[:2], sources=("seen", "random"), schemes=("m free",))
    assert {c.at["source"] for c in capacity.EXPERIMENT.left(half)} == {"random"}
    assert run_time.fraction(capacity.EXPERIMENT, half) == pytest.approx(0.5)
    under_way = run_time.fraction(capacity.EXPERIMENT, half, {"random-m-free-4": 0.5})
    assert 0.5 < under_way < run_time.fraction(capacity.EXPERIMENT, half, {"random-m-free-4": 1.0})


def test_what_ladders_add_up_to() -> None:
    run = made(
        done("seen", "m free", 4, 1.0, 1.0),
        done("seen", "m free", 5, 0.5, 1.0),
        done("seen", "m free", 8, None, 0.5),
        done("seen", "two mem", 4, 1.0, 1.0),
        done("seen", "two mem", 5, 1.0, 1.0),
        ladder=(4, 5, 8),
        sources=("seen",),
        schemes=("m free", "two mem"),
    )
    found = ladders.summary(run).set_index("scheme")
    free = found.loc["m free"]
    assert (free["c_tokens"], free["h_lm"], free["h_lm_sd"]) == (5, 18.0, 2.0)
    assert (free["texts"], free["failed"], free["at_end"], free["open"]) == (2, 2, 0, 0)
    assert free["held"] == 0 and np.isnan(free["restarts_needed"])  # none but the one that shows it
    assert found.loc["two mem", "open"] == 2 and ladders.pairs(run).empty
    assert ladders.paper_rows(run).to_dict("records") == [
        {"model": "tiny", "source": "Shakespeare", "m_shared": False, "c_tokens": 5,
         "h_lm": 18.0, "h_lm_sd": 2.0, "at_least": False}
    ]  # fmt: skip
    more = made(
        *run.done,
        done("seen", "two mem", 8, 1.0, 0.5),
        ladder=(4, 5, 8),
        sources=("seen",),
        schemes=("m free", "two mem"),
    )
    both = ladders.summary(more).set_index("scheme").loc["two mem"]
    assert (both["c_tokens"], both["failed"], both["at_end"]) == (8, 1, 1)
    pairs = ladders.pairs(more)
    assert pairs["ratio"].tolist() == [32 / 16, 20 / 20]
    means = ladders.pair_means(more).iloc[0]
    assert (means["pair"], means["ratio"]) == ("two mem against m free", 26 / 18)
    assert (means["autoregressive_at_end"], means["one_forward_at_end"]) == (1, 0)
    best = ladders.best(more).iloc[-1]
    assert (best["model"], best["c_tokens"], best["at_least"]) == ("tiny", 5, False)


def test_a_start_that_was_stopped_is_no_start_that_failed() -> None:
    """It ended because the other one was exact; only the full steps tell that it would not be."""
    cell = done("seen", "m free", 4, 1.0, 1.0)
    said = []
    for steps in (FULL, 39):
        rows = [row | {"steps": 37 if row["exact"] else steps} for row in cell.rows]
        found = ladders.summary(made(cell.model_copy(update={"rows": rows})))
        said.append(found.loc[0, ["held", "restarts_needed"]].tolist())
    assert said[0][0] == 0 and np.isnan(said[1]).all()


def test_starts_hold_as_often_as_they_do_not_as_often_as_one_of_them_did() -> None:
    """Of two that hold half of the time, two of three hold where one of them does."""
    holds = np.random.default_rng(1).random((200, 2)) < 0.5
    cell = done("seen", "m shared", 4, 1.0)
    rows = [
        cell.rows[0] | {"text": k, "restart": j, "accuracy": float(held), "steps": FULL}
        for (k, j), held in np.ndenumerate(holds)
    ]
    both = ladders.summary(made(cell.model_copy(update={"rows": rows}), texts=200)).loc[0]
    assert both["held"] == pytest.approx(0.5, abs=0.07) and 4 <= both["restarts_needed"] <= 6
    alone = ladders.summary(made(cell.model_copy(update={"rows": rows[::2]}), texts=200)).loc[0]
    assert alone["c_tokens"] == 4 and np.isnan([alone["held"], alone["restarts_needed"]]).all()


def test_tables_follow_the_settings_in_whatever_order_cells_were_finished() -> None:
    order = [("random", "m free"), ("random", "m shared"), ("seen", "m free"), ("seen", "m shared")]
    run = climbed(dict.fromkeys(order, 8))
    back = made(*reversed(run.done), sources=("random", "seen"), schemes=("m free", "m shared"))
    found = ladders.summary(back)
    assert list(zip(found["source"], found["scheme"], strict=True)) == order
    assert found.equals(ladders.summary(run))
    lengths = ladders.rungs(back)["n"].tolist()
    assert lengths[:8] == [4, 4, 5, 5, 8, 8, 11, 11]


def test_the_title_says_which_end_of_a_span_is_a_lower_bound() -> None:
    run = climbed(
        {
            ("seen", "m free"): 8,
            ("seen", "two mem"): 16,
            ("random", "m free"): 8,
            ("random", "two mem"): 8,
        }
    )
    many = next(c for c in charts(run) if c.key == "capacity-one-pass-against-many")
    assert "Token by token, 1.0 to ≥ 2.0 times" in many.figure.layout.title.text


def test_a_paper_model_goes_by_the_papers_name_and_only_shared_sources_by_theirs() -> None:
    run = climbed(
        {(s, "m shared"): 4 for s in ("random", "unseen", "generated")},
        model="EleutherAI/pythia-160m",
    )
    rows = ladders.paper_rows(run)
    assert set(rows["model"]) == {"pythia-160m"} and rows["m_shared"].all()
    assert rows["source"].tolist() == [
        "random",
        "Written for this project",
        "The model's own continuation",
    ]
    assert "3 of ours" in paper_table.capacity_comparison("h_lm", m_shared=True, ours=rows).alt


def answers(run: Run) -> dict[str, bool | None]:
    return {f.id: f.shown for f in capacity.findings(run)}


@pytest.mark.parametrize(
    ("random", "seen", "unseen", "shown"),
    [(4, 11, 11, True), (5, 11, 8, None), (5, 11, 5, False), (8, 8, 8, False), (11, 8, 8, False),
     (5, 16, 11, None), (16, 16, 16, None), (16, 8, 8, False), (16, 11, 4, False), (0, 4, 4, True)],
)  # fmt: skip
def test_sources_are_equal_within_a_step_of_the_ladder(
    random: int, seen: int, unseen: int, shown: bool | None
) -> None:
    """One step apart is the border: no text speaks either way. Height 16 is a bound.

    Random words that are held as far are a step short of the paper, which is against F5.
    """
    heights = {("random", "m free"): random, ("seen", "m free"): seen, ("unseen", "m free"): unseen}
    assert answers(climbed(heights, texts=8))["F5"] is shown
    assert answers(climbed(heights, texts=5))["F5"] is None


@pytest.mark.parametrize(
    ("random", "generated", "shown"),
    [(5, 5, True), (5, 8, True), (4, 16, False), (16, 16, None), (16, 5, True), (0, 0, None)],
)
def test_texts_that_carry_less_are_held_with_less(
    random: int, generated: int, shown: bool | None
) -> None:
    heights = {("random", "m free"): random, ("generated", "m free"): generated}
    found = answers(climbed(heights, texts=6))
    assert found["F6"] is shown and found["F5"] is None
    assert answers(climbed(heights, texts=5))["F6"] is None


@pytest.mark.parametrize(
    ("seen", "random", "shown"),
    [((4, 8), (4, 5), True), ((4, 5), (4, 5), False), ((4, 11), (4, 11), False),
     ((4, 16), (4, 4), True), ((11, 16), (4, 4), None), ((16, 16), (4, 4), None),
     ((0, 4), (4, 4), True), ((4, 0), (4, 4), False), ((0, 0), (4, 4), None),
     ((4, 8), (0, 4), False), ((4, 8), (11, 4), False)],
)  # fmt: skip
def test_token_by_token_holds_more_except_of_random_words(
    seen: tuple[int, int], random: tuple[int, int], shown: bool | None
) -> None:
    """A failure of one way is a result: what one pass never holds and the other does is more."""
    heights = {
        (source, scheme): height
        for source, both in (("seen", seen), ("random", random))
        for scheme, height in zip(("m free", "two mem"), both, strict=True)
    }
    assert answers(climbed(heights, texts=6))["F7"] is shown
    assert answers(climbed(heights, texts=5))["F7"] is None


def test_texts_that_one_way_fails_on_are_not_left_out() -> None:
    """Twice as much of six and nothing of six is no more on average."""
    held, failed = [1.0] * 6, [0.5] * 6
    run = made(
        done("seen", "m free", 4, *held, *held),
        done("seen", "m free", 5, *failed, *failed),
        done("seen", "two mem", 4, *held, *failed),
        *(done("seen", "two mem", n, *held) for n in (5, 8)),
        done("seen", "two mem", 11, *failed),
        *climbed({("random", "m free"): 4, ("random", "two mem"): 4}, texts=12).done,
        sources=("seen", "random"),
        schemes=("m free", "two mem"),
        texts=12,
    )
    f7 = next(f for f in capacity.findings(run) if f.id == "F7")
    assert f7.shown is False and "12 texts" in f7.figure
    assert "Shakespeare 1.0 (two mem against m free)" in f7.figure


def test_those_that_fail_early_do_not_speak_for_those_that_still_climb() -> None:
    """Six of twelve hold nothing in one pass; of the others nobody knows yet."""
    held, failed = [1.0] * 6, [0.5] * 6
    half = [done("seen", "m free", 4, *failed, *held)]
    rest = [
        done("seen", "two mem", 4, *held, *held),
        done("seen", "two mem", 5, *failed, *failed),
        *climbed({("random", "m free"): 4, ("random", "two mem"): 4}, texts=12).done,
    ]
    told = {"sources": ("seen", "random"), "schemes": ("m free", "two mem"), "texts": 12}
    run = made(*half, *rest, **told)
    assert set(ladders.pairs(run)["source"]) == {"random"}
    assert answers(run)["F7"] is None
    best = ladders.best(run).iloc[-1]
    assert (best["c_tokens"], best["at_least"]) == (4, True)
    whole = made(*half, done("seen", "m free", 5, *[None] * 6, *failed), *rest, **told)
    assert len(ladders.pairs(whole)) == 24 and not ladders.best(whole).iloc[-1]["at_least"]


@pytest.mark.parametrize(
    ("one", "many", "said"),
    [(4, 8, "Shakespeare 2.0 (two"), (8, 16, "Shakespeare at least 2.0 (two"),
     (16, 8, "Shakespeare at most 0.5 (two"), (16, 16, "Shakespeare open (two"),
     (0, 4, "Shakespeare only token by token (two"), (4, 0, "Shakespeare 0.0 (two")],
)  # fmt: skip
def test_the_times_say_which_way_they_are_bounded(one: int, many: int, said: str) -> None:
    run = climbed({("seen", "m free"): one, ("seen", "two mem"): many})
    assert said in next(f.figure for f in capacity.findings(run) if f.id == "F7")


def test_a_stuck_start_does_not_end_a_ladder_of_two_failures() -> None:
    """Text 1 fails at 4 and holds 5; text 0 fails twice in a row."""
    cells = [done("seen", "m free", 4, 1.0, 0.5), done("seen", "m free", 5, 0.5, 1.0)]
    run = made(*cells, failures=2)
    assert ladders.climbing(run, "seen", "m free", 8) == [0, 1]
    assert ladders.climbing(made(*cells), "seen", "m free", 8) == []
    more = made(*cells, done("seen", "m free", 8, 0.5, 1.0), failures=2)
    assert ladders.climbing(more, "seen", "m free", 11) == [1]
    (row,) = ladders.prefixes(more).query("text == 1").to_dict("records")
    assert (row["c_tokens"], row["gap"]) == (8, True)
    together = [done("seen", "m shared", n, 0.5, 0.5) for n in (4, 5)]
    assert ladders.climbing(made(*together[:1], failures=2), "seen", "m shared", 5) == [0, 1]
    assert ladders.climbing(made(*together, failures=2), "seen", "m shared", 8) == []
    once, twice = (CapacitySettings(model="some/tiny", failures=k) for k in (1, 2))
    assert "failures" not in once.model_dump() and "2 lengths in a row" in capacity.protocol(twice)
    took = [run_time.expected(capacity.EXPERIMENT, s, None) for s in (once, twice)]
    assert took[0].usual < took[1].usual <= took[1].most


SINK = FirstPosition(
    fingerprint="f" * 64, words=12, alone=1, behind=9, sink=1, sink_text="BOS", steps=16,
    computed_in="float32",
)  # fmt: skip


@pytest.mark.parametrize(
    ("layout", "known", "said"),
    [
        ("mem", SINK, "cannot output every token"),
        ("mem", None, "never tested"),
        ("mem", SINK.model_copy(update={"alone": 9}), None),
        ("bos+mem", SINK, None),
    ],
)
def test_one_vector_at_a_first_position_that_is_a_sink_decides_nothing(
    layout: str, known: FirstPosition | None, said: str | None
) -> None:
    """From the layout that the run records and the probe of its weights, not from its name.

    Nor does a shared m, whose texts are one training: both are told of and not tested.
    """
    if known is not None:
        first_position.keep(known)
    heights = {
        (s, scheme): 8 if scheme == "m shared" else 4
        for s in ("seen", "random")
        for scheme in ("m shared", "one mem")
    }
    run = climbed(heights, layout=layout, texts=6)
    f7 = next(f for f in capacity.findings(run) if f.id == "F7")
    many = next(c for c in charts(run) if c.key == "capacity-one-pass-against-many")
    titles = " ".join(a.text for a in many.figure.layout.annotations)
    assert f7.shown is None and "Shakespeare 0.5 (one mem against m shared)" in f7.figure
    if said is None:
        assert capacity.notes(run) == []
        assert "0.5" in many.figure.layout.title.text and "layout" not in titles
        return
    (note,) = capacity.notes(run)
    assert said in note and "bos+mem" in note
    assert "is open" in many.figure.layout.title.text and "layout" in titles


def test_two_vectors_or_none_are_not_doubted() -> None:
    first_position.keep(SINK)
    both = climbed({("seen", "m free"): 8, ("seen", "two mem"): 8})
    assert capacity.notes(both) == [] and capacity.notes(made(schemes=("one mem",))) == []


@pytest.mark.parametrize("folder", runs.run_folders("capacity"), ids=lambda path: path.name)
def test_a_recorded_run_says_where_its_one_mem_is_of_the_old_layout(folder: Path) -> None:
    recorded = runs.load(folder)
    settings = recorded.settings
    assert isinstance(settings, CapacitySettings)
    doubted = settings.layout == "mem" and "one mem" in settings.schemes
    f7 = next(f for f in capacity.findings(recorded) if f.id == "F7")
    assert bool(capacity.notes(recorded)) is doubted
    for row in ladders.pair_means(recorded).to_dict("records"):
        if row["one_forward_at_end"]:
            bound = f"{in_words(row['source'])} at least {row['ratio']:.1f} ({row['pair']})"
            assert bound not in f7.figure


def test_a_run_from_before_the_layout_had_a_name_goes_on() -> None:
    settings = CapacitySettings(model="tiny")
    asked = settings.model_dump(mode="json")
    assert asked.pop("layout") == "mem"
    before = json.dumps([runs.SCHEMA, asked, "f" * 64], sort_keys=True)
    assert runs.run_id(settings, "f" * 64) == hashlib.sha256(before.encode()).hexdigest()[:12]
    other = settings.model_copy(update={"layout": "bos+mem"})
    assert runs.run_id(other, "f" * 64) != runs.run_id(settings, "f" * 64)


def test_a_shared_m_does_not_answer_for_ladders_of_free_ones_that_still_climb() -> None:
    """All texts and restarts of a shared m are one training, so they are not eight texts."""
    shared = {(s, "m shared"): n for s, n in (("random", 4), ("seen", 11), ("unseen", 11))}
    free = [done(s, "m free", 4, *[1.0] * 8) for s in ("random", "seen", "unseen")]
    told = {"sources": ("random", "seen", "unseen"), "schemes": ("m free", "m shared"), "texts": 8}
    run = made(*free, *climbed(shared, texts=8).done, **told)
    assert set(answers(run).values()) == {None}
    assert all("m free" in f.figure for f in capacity.findings(run) if f.id in ("F5", "F6"))


def test_what_is_not_measured_is_not_told() -> None:
    assert paper_comparison.of_runs([made()]) == [] and charts(made()) == []
    assert ladders.paper_rows(made()).empty
    run = made(done("seen", "m free", 4, 1.0, 1.0))
    assert set(answers(run).values()) == {None}
    assert answers(run).keys() == {"F4", "F5", "F6", "F7"}
    assert all(f.figure for f in capacity.findings(run))
    assert ladders.paper_rows(run).empty and len(charts(run)) == 4


def test_a_ladder_that_never_failed_in_one_pass_tells_no_ratio() -> None:
    run = climbed({("seen", "m free"): 16, ("seen", "two mem"): 16})
    many = next(c for c in charts(run) if c.key == "capacity-one-pass-against-many")
    assert "is open" in many.figure.layout.title.text


def test_charts_have_words_and_only_numbers_that_were_measured() -> None:
    heights = {
        (source, scheme): height
        for source, by in {"seen": (8, 5, 11, 16), "random": (5, 4, 5, 0)}.items()
        for scheme, height in zip(("m free", "m shared", "one mem", "two mem"), by, strict=True)
    }
    drawn = {chart.key: chart for chart in charts(climbed(heights))}
    assert next(iter(drawn)) == "capacity-c-tokens" and len(drawn) == 5
    assert "m free 8" in drawn["capacity-ladders"].alt
    many = drawn["capacity-one-pass-against-many"]
    lines = [t for t in many.figure.data if t.mode == "lines"]
    assert [t.y[1] / t.x[1] for t in lines] == pytest.approx([1, 1 / 2, 1 / 5] * 2)
    assert "Shakespeare, two mem against m free: 64 / 32 (a ladder ended" in many.alt
    best = drawn["capacity-best"]
    hollow = {trace.name: trace.marker.symbol for trace in best.figure.data}
    assert hollow == {"published": "circle-open", "here": "circle"} and "tiny 8" in best.alt
    for chart in drawn.values():
        assert "NaN" not in chart.figure.to_json() and chart.figure.layout.title.text


def test_every_number_follows_from_the_saved_files(measured: "MakeRun", pool: "ModelPool") -> None:
    from explorer.model.metrics import h_lm, score, score_memory

    run = measured("capacity")
    assert capacity.EXPERIMENT.left(run) == []
    assert set(run.table["scheme"]) == {"m free", "m shared", "one mem", "two mem"}
    assert len(set(run.table["solution"])) == len(run.table)
    for row in run.table.to_dict("records"):
        path = run.folder / runs.SOLUTIONS / row["solution"]
        record, n = read_record(path)
        model = pool.of_weights(record.model, record.fingerprint)
        again: Any
        if row["scheme"] in ladders.MEMORIES:
            memory = load_memory(path)
            ids = memory.target_ids.tolist()
            assert memory.mem.shape == (ladders.MEMORIES[row["scheme"]], 32)
            again = score_memory(model, memory.mem, ids)
        else:
            solution = load_solution(path)
            ids = solution.target_ids.tolist()
            assert solution.record.shared_m == (row["scheme"] == "m shared")
            again = score(model, solution.e, solution.m, ids, solution.record.arrangement)
        assert n == row["n"] and record.source == row["source"]
        assert again.accuracy == row["accuracy"] == record.accuracy
        assert again.exact == row["exact"] and record.steps == row["steps"]
        assert h_lm(model, ids)[0] == pytest.approx(row["h_lm"])
    found = ladders.summary(run).set_index("scheme")
    for scheme, part in ladders.rungs(run).groupby("scheme"):
        held = part[part["accuracy"] >= 0.99].groupby("text")["h_lm"].max()
        whole = np.array([held.get(k, 0.0) for k in range(2)])
        assert found.loc[scheme, "h_lm"] == pytest.approx(whole.mean())
        assert found.loc[scheme, "h_lm_sd"] == pytest.approx(np.std(whole))


def test_one_m_for_all_texts_and_restarts_or_each_its_own(measured: "MakeRun") -> None:
    run = measured("capacity", schemes=("m free", "m shared"), ladder=(2,))
    for scheme, part in run.table.groupby("scheme"):
        found = [load_solution(run.folder / runs.SOLUTIONS / name) for name in part["solution"]]
        assert len({s.e.tobytes() for s in found}) == 4
        assert len({s.m.tobytes() for s in found}) == (1 if scheme == "m shared" else 4)
        assert len({s.record.seed for s in found}) == 4


def test_a_run_that_was_cut_goes_on_with_the_texts_that_still_climb(
    small: "MakeSettings", task: "MakeTask"
) -> None:
    settings = small("capacity", schemes=("m free", "one mem"), ladder=(2, 3, 6))
    first = task(settings)
    cells = [
        done("unseen", "m free", 2, 0.5, 1.0),
        done("unseen", "one mem", 2, 0.0, 0.5),
    ]
    for cell in cells:
        runs.append(first.run.folder, cell)
    second = task(settings)
    assert second.resumed and second.run.keys == {cell.key for cell in cells}
    fractions = [p.fraction for p in second.steps()]
    assert fractions[-1] == 1.0 and fractions == sorted(fractions)
    later = second.run.table[second.run.table["n"] > 2]
    assert set(later["scheme"]) == {"m free"} and set(later["text"]) == {1}
    assert runs.load(second.run.folder).done == second.run.done


def test_a_ladder_on_which_nothing_is_held_ends_at_its_first_length(measured: "MakeRun") -> None:
    from tests.explorer.experiments.conftest import QUICK

    recipe = QUICK.model_copy(update={"max_steps": 1})
    run = measured("capacity", ladder=(8, 9, 10), recipe=recipe)
    assert set(run.table["n"]) == {8} and len(run.done) == 4
    assert run_time.fraction(capacity.EXPERIMENT, run) == 1.0
    assert (ladders.summary(run)["c_tokens"] == 0).all()
    assert "not measured yet" not in capacity.EXPERIMENT.sentence(run)


def test_a_ladder_that_is_too_long_is_a_sentence_before_anything_is_trained(
    small: "MakeSettings", task: "MakeTask"
) -> None:
    with pytest.raises(BadInputError, match="128 positions"):
        task(small("capacity", ladder=(4, 127)))
    with pytest.raises(BadInputError, match="N = 70 after 64 tokens of context"):
        task(small("capacity", sources=("unseen", "generated"), ladder=(4, 70)))
    with pytest.raises(BadInputError, match="shortest first"):
        small("capacity", ladder=(8, 4))
    short = task(small("capacity", sources=("random", "unseen"), texts=50))
    with pytest.raises(BadInputError, match="of 6 tokens that do not overlap, and 50 are wanted"):
        exhaust(short.steps())
    assert not short.run.done


def test_every_preset_can_be_made() -> None:
    experiment = capacity.EXPERIMENT
    made = {
        name: experiment.make({"model": "tiny", **fields})
        for name, fields in experiment.presets.items()
    }
    assert made["paper"].model_dump()["ladder"] == LADDER
    takes = {name: run_time.expected(experiment, s, None).usual for name, s in made.items()}
    assert takes["minutes"] < takes["evening"] < takes["paper"]
    assert "0.99" in capacity.protocol(CapacitySettings.model_validate(made["evening"]))


def test_a_length_that_was_tried_after_the_ladders_end_does_not_count() -> None:
    """On another device, that did not know it yet."""
    fields: dict[str, Any] = {"sources": ("seen",), "schemes": ("m free", "m shared")}
    cells = [
        done("seen", "m free", 4, 1.0, 0.5),
        done("seen", "m free", 5, 1.0, None),
        done("seen", "m free", 8, 0.5, None),
        done("seen", "m shared", 4, 0.5, 0.5),
    ]
    late = [
        done("seen", "m free", 5, 1.0, 1.0),
        *cells[2:3],
        done("seen", "m free", 11, 1.0, 1.0),
        *cells[3:],
        done("seen", "m shared", 5, 1.0, 1.0),
    ]
    one, several = made(*cells, **fields), made(cells[0], *late, **fields)
    assert ladders.rungs(several).equals(ladders.rungs(one))
    assert ladders.summary(several).equals(ladders.summary(one))
    assert list(ladders.prefixes(several)["c_tokens"]) == [5, 0, 0, 0]


def test_one_text_has_no_deviation() -> None:
    said = {
        f.id: f.figure
        for f in capacity.EXPERIMENT.findings(
            climbed({("random", "m free"): 8, ("generated", "m free"): 8}, texts=1)
        )
    }
    assert "nats held" in said["F6"] and "nan" not in said["F6"]
