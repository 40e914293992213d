"""What is said of a run's time before it starts: from steps timed here, where there are some."""

from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from explorer.estimates import outlook, run_time, usual_steps
from explorer.estimates.outlook import about, of_paths
from explorer.estimates.usual_steps import Sample
from explorer.experiments import runs
from explorer.experiments.catalogue import EXPERIMENTS, experiment
from explorer.paths import places
from explorer.paths.result import Paths
from explorer.runtime import step_times
from explorer.runtime.step_times import StepTime
from explorer.specs.curves import PathRecipe
from explorer.specs.recipes import INDEPENDENT

RECIPE = INDEPENDENT.model_copy(update={"max_steps": 100, "halve_at": None})
PACE = StepTime(
    model="a/tiny", precision="auto", token_seconds=1e-3, pass_seconds=0.05, generate_seconds=0.02
)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Sample]:
    """What was seen, in place of what ships: nothing unless a test adds to it."""
    found: list[Sample] = []
    monkeypatch.setattr(usual_steps, "samples", lambda: found)
    return found


def samples(n: int, exact: list[float], failed: int = 0, **fields: Any) -> list[Sample]:
    made: dict[str, Any] = {
        "model": "a/tiny", "here": True, "scheme": "pair", "arrangement": "e+mN", "suits": False,
        "kind": "independent", "n": n, "most": 100, **fields,
    }  # fmt: skip
    return [Sample(steps=s, exact=True, **made) for s in exact] + [
        Sample(steps=100, exact=False, **made) for _ in range(failed)
    ]


def expected(name: str, step_time: StepTime | None = PACE, **fields: Any) -> run_time.Expected:
    asked = experiment(name)
    return run_time.expected(asked, asked.make({"model": "a/tiny", **fields}), 10**6, step_time)


def before(name: str, step_time: StepTime | None, **fields: Any) -> str:
    asked = experiment(name)
    return run_time.before(asked, asked.make({"model": "a/tiny", **fields}), 10**6, step_time)


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_a_timed_step_replaces_the_assumption(name: str) -> None:
    assert "two CPU cores" in before(name, None)
    assert "timed on this machine" in before(name, PACE)
    assert "CPU" not in before(name, PACE)


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_the_usual_is_no_more_than_the_bound(name: str) -> None:
    for preset in ("minutes", "evening", "paper"):
        fields = dict(experiment(name).presets[preset])
        found = expected(name, **fields)
        assert 0 < found.usual <= found.most * 1.01, preset


def test_the_bound_is_every_cell_at_its_longest(seen: list[Sample]) -> None:
    fields: dict[str, Any] = {"lengths": (4, 10), "texts": 3, "restarts": 8, "recipe": RECIPE}
    fields["arrangement"] = "e+mN-1"
    most = 3 * 100 * (0.05 + 8 * 4 * 1e-3 + 0.05 + 8 * 10 * 1e-3)
    share = [usual_steps.usual("a/tiny", "e+mN-1", RECIPE, n, seen=[]).any_of(8) for n in (4, 10)]
    for n, wins in zip((4, 10), share, strict=True):  # the rest in float32
        most += 3 * (4 * wins + (wins + 8 + 1) / 3) * (0.05 + n * 1e-3)
    assert expected("training-time", **fields).most == pytest.approx(most)
    assert f", at most {about(most)}" in before("training-time", PACE, **fields)


def test_rows_cost_tokens_until_they_are_exact_and_passes_until_the_slowest_is(
    seen: list[Sample],
) -> None:
    seen += samples(8, [20.0] * 9)
    fields: dict[str, Any] = {"arrangements": ("e+mN",), "lengths": (8,), "texts": 6}
    found = expected("arrangements", **fields, recipe=RECIPE)
    exactly = 4 * (0.05 + 6 * 8 * 1e-3)  # the last steps, of all at the same time
    exactly += 6 * (3 / 3) * (0.05 + 8 * 1e-3)  # forward passes, text by text
    assert found.usual == pytest.approx(20 * (0.05 + 6 * 8 * 1e-3) + exactly)
    assert found.most == pytest.approx(100 * (0.05 + 6 * 8 * 1e-3) + exactly)


def test_what_is_finished_in_float32_costs_as_much_as_that_does(seen: list[Sample]) -> None:
    """Beside a search in bfloat16: twice a step and more, in passes of their own."""
    one, rows = 0.05 + 8 * 1e-3, 0.05 + 6 * 8 * 1e-3
    seen += samples(8, [20.0] * 9)
    fields: dict[str, Any] = {"arrangements": ("e+mN",), "lengths": (8,), "texts": 6}
    slow = PACE.model_copy(update={"exact_factor": 3.0})
    alike, slower = (expected("arrangements", p, **fields, recipe=RECIPE) for p in (PACE, slow))
    assert slower.usual - alike.usual == pytest.approx(2 * (6 * one + 4 * rows))


def test_last_steps_share_passes_where_texts_end_together(seen: list[Sample]) -> None:
    seen += [*samples(8, [20.0, 30.0, 40.0] * 3), *samples(8, [40.0] * 9, scheme="shared")]
    slow = PACE.model_copy(update={"exact_factor": 2.0})

    def exactly(size: int) -> float:
        fields: dict[str, Any] = {"group_sizes": (size,), "texts": 6, "restarts": 2, "length": 8}
        fields |= {"shared": ("e",), "arrangement": "e+mN", "recipe": RECIPE}
        plain, more = (expected("sharing", pace, **fields) for pace in (PACE, slow))
        return (more.usual - plain.usual) / 2  # restarts are cells

    tokens, scores = 6 * 4 * 8 * 1e-3, 6 * (0.05 + 8 * 1e-3)
    assert exactly(6) == pytest.approx(4 * 0.05 + tokens + scores)  # one group has one end
    assert exactly(1) == pytest.approx((4 + 20) * 0.05 + tokens + scores)  # from 20 to 40


def test_what_was_never_exact_takes_all_its_steps(seen: list[Sample]) -> None:
    seen += samples(8, [], failed=5, arrangement="e")
    fields: dict[str, Any] = {"arrangements": ("e",), "lengths": (8,), "texts": 6}
    found = expected("arrangements", **fields, recipe=RECIPE)
    assert found.usual == pytest.approx(found.most)
    assert "at most" not in before("arrangements", PACE, **fields, recipe=RECIPE)


def test_worse_restarts_rest_and_the_first_exact_ends_a_text(seen: list[Sample]) -> None:
    seen += samples(8, [64.0] * 5)
    halving = RECIPE.model_copy(update={"halve_at": 10})
    fields: dict[str, Any] = {"lengths": (8,), "texts": 1, "restarts": 2}
    first = 64 / 2**usual_steps.QUICKER
    exactly = (4 + (1 + 2 + 1) / 3) * (0.05 + 8 * 1e-3)
    both = expected("training-time", **fields, recipe=RECIPE).usual
    one = expected("training-time", **fields, recipe=halving).usual
    assert both == pytest.approx(first * (0.05 + 2 * 8 * 1e-3) + exactly)
    rows = 2 * 10 + (first - 10) * (1 + (first - 10) / 160 / 2)
    assert one == pytest.approx(first * 0.05 + rows * 8 * 1e-3 + exactly)
    racing = halving.model_copy(update={"halve_at": 30, "warmup_steps": 10, "rest_above": 1.2})
    assert expected("training-time", **fields, recipe=racing).usual == pytest.approx(one)


def test_a_ladder_that_fails_early_is_not_climbed(seen: list[Sample]) -> None:
    seen += samples(4, [30.0] * 4) + samples(64, [], failed=9) + samples(128, [], failed=9)
    fields: dict[str, Any] = {"sources": ("unseen",), "schemes": ("m free",), "recipe": RECIPE}
    short = expected("capacity", **fields, ladder=(4, 64))
    long = expected("capacity", **fields, ladder=(4, 64, 128))
    assert long.usual == pytest.approx(short.usual)
    assert long.most > short.most


def test_generation_is_timed_as_generation(seen: list[Sample]) -> None:
    fields: dict[str, Any] = {"lengths": (10,), "repeats": 3}
    assert expected("throughput", **fields).usual == pytest.approx(4 * (10 * 0.02 + 0.06 / 3))


def test_the_step_that_is_timed_is_the_runs_own() -> None:
    asked = experiment("sharing").make({"model": "a/tiny", "length": 9, "recipe": RECIPE})
    assert run_time.step(asked) == (9, "e+mN", RECIPE)
    ladder = experiment("throughput").make({"model": "a/tiny", "lengths": (2, 7)})
    assert run_time.step(ladder) == (7, "e+mN", INDEPENDENT)


def test_a_pace_is_kept_for_each_model_and_number_format() -> None:
    assert step_times.find("a/tiny", "auto") is None
    file = step_times.keep(StepTime(model="a/tiny", precision="auto", token_seconds=0.5))
    step_times.keep(StepTime(model="a/tiny", precision="float32", token_seconds=2.0))
    found = step_times.find("a/tiny", "auto")
    assert found is not None and found.token_seconds == 0.5
    assert step_times.find("another", "auto") is None
    file.write_text("{")
    assert step_times.find("a/tiny", "auto") is None


def test_months_are_said_as_months() -> None:
    paper = before(
        "arrangements",
        StepTime(model="a", precision="auto", token_seconds=2e-3),
        **experiment("arrangements").presets["paper"],
    )
    assert "months" in paper and " h" not in paper


def lengths_of(settings: Any) -> tuple[int, ...]:
    return settings.lengths if settings.experiment in ("arrangements", "training-time") else ()


def recorded_pace(device: str, of: str = "") -> StepTime:
    """Return the pace of the machine that made the recorded runs of a device, from their cells.

    Of several number formats, where a run went on on another machine, that of both. Of the one run
    alone whose id is given, if it has several lengths: not all were made on one machine. A cell's
    rows are one batch, or one for each text where texts took their turns.
    """
    costs, seconds, alone = [], [], []
    formats = device.removeprefix("CPU, search in ").split(", then ")
    told = ("arrangements", "sharing", "training-time")
    known = [runs.load(folder) for folder in runs.run_folders()]
    own = {r.header.id for r in known if r.header.id == of and len(lengths_of(r.settings)) > 1}
    for run in known:
        name = run.settings.experiment
        if name == "throughput":
            rows = run.table[run.table["side"] == "autoregressive"]
            alone += list(rows["seconds"] / rows["n"])
        elif name in told and run.header.device[15:] in formats and own in (set(), {run.header.id}):
            n = getattr(run.settings, "length", None)
            for cell in run.done:
                turns = groupby(cell.rows, key=lambda row: row.get("text_seconds", cell.seconds))
                for took, rows in turns:
                    steps_n = np.array([[row["steps"], row.get("n", n)] for row in rows])
                    costs.append([steps_n[:, 0].max(), steps_n.prod(1).sum()])
                    seconds.append(took)
    (a_pass, token), *_ = np.linalg.lstsq(np.array(costs), np.array(seconds))
    return StepTime(
        model="recorded",
        precision="auto",
        token_seconds=token,
        pass_seconds=a_pass,
        generate_seconds=float(np.median(alone)),
    )


def test_every_recorded_run_would_have_been_estimated_within_a_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own restarts are left out, so that each is estimated from what the others have seen."""
    folders = runs.run_folders()
    found = [runs.load(folder) for folder in folders]
    seen = {f: usual_steps._of_run(f, 0) for f in folders}
    ratios = {}
    for run in found:
        others = [s for folder in folders if folder != run.folder for s in seen[folder]]
        monkeypatch.setattr(usual_steps, "samples", lambda others=others: others)
        asked = experiment(run.settings.experiment)
        said = run_time.expected(
            asked, run.settings, None, recorded_pace(run.header.device, run.header.id)
        )
        ratios[asked.name] = run.seconds / said.usual
        assert run.seconds < 1.5 * said.most
    assert set(ratios) == set(EXPERIMENTS)
    assert all(1 / 1.5 < ratio < 1.5 for ratio in ratios.values()), ratios


@pytest.mark.parametrize("file", places.PATHS.shipped(), ids=lambda file: file.parent.name)
def test_the_recorded_curves_would_have_been_estimated_within_a_half(file: Path) -> None:
    found = Paths.load(file)
    n = len(found.header.texts[0].target_ids)
    step_time = recorded_pace(f"CPU, search in {found.header.searched_in}")
    said = of_paths(found.header.recipe, len(found), n, step_time)
    assert (said.usual == said.most) == (found.header.recipe.worst == 0)
    assert 1 / 1.5 < found.header.seconds / said.usual < 1.5


def test_another_attempt_is_begun_by_few_and_costs_most() -> None:
    step_time = recorded_pace("CPU, search in bfloat16")
    recipe = PathRecipe(max_steps=500, finish_steps=0, attempts=1)
    once, twice, long = (
        of_paths(recipe.model_copy(update=changed), 100, 8, step_time)
        for changed in ({}, {"attempts": 2}, {"max_steps": 2000})
    )
    assert twice.most == pytest.approx(once.most + long.most)
    assert once.usual < twice.usual < once.usual + long.usual / 4
    assert once.usual < once.most


def test_after_few_steps_nearly_all_curves_begin_anew() -> None:
    """And where they are finished, that is a part of what is usual."""
    step_time = recorded_pace("CPU, search in bfloat16")
    few = PathRecipe(max_steps=20, finish_steps=0, attempts=4)
    said = of_paths(few, 60, 8, step_time)
    assert said.usual > 0.3 * said.most
    finished = of_paths(few.model_copy(update={"finish_steps": 25}), 60, 8, step_time)
    assert finished.usual > 2 * said.usual and finished.most > 4 * said.most
    one = of_paths(PathRecipe(), 1, 16, step_time)
    assert one.usual > of_paths(PathRecipe(finish_steps=0), 1, 16, step_time).usual


def test_estimates_know_the_sizes_that_tasks_work_with() -> None:
    """They are free of torch, so they cannot ask."""
    from explorer.estimates import outlook, set_time
    from explorer.tasks.paths import bends, finishing
    from explorer.tasks.sets import batches, building

    assert set_time.SIDE_BY_SIDE == batches.ROWS
    assert set_time.TRIED == building.A_WHILE
    assert outlook.CURVE_ROWS == bends.ROWS_AT_ONCE
    assert outlook.FINISH_ROWS == finishing.MOST_TOKENS
    assert outlook.FINISH_TRIES == finishing.TRIES


def test_texts_that_share_a_vector_come_to_their_end_together() -> None:
    """One group, of which seven in ten become exact, most likely does, whatever its size."""
    usual = usual_steps.Usual((20.0,), 0.7)
    told = {"length": 8, "texts": 8, "restarts": 1, "rest": False}
    one, each = (
        outlook.training(PACE, usual, RECIPE, together=together, **told) for together in (8, 1)
    )
    assert each.usual - one.usual >= (RECIPE.max_steps - 20) * 0.05  # passes that nobody needs
