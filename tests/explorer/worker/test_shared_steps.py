"""Jobs of one model advance together: each as it would alone, whatever becomes of the others."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from explorer.base.database import JobRow, transaction
from explorer.experiments import runs
from explorer.experiments.catalogue import experiment
from explorer.jobs import client
from explorer.solutions import sets
from explorer.solutions.solution import Solution, load_solution
from explorer.specs.jobs import ExperimentSpec, GatheredText, ReconstructSpec, SolveSetSpec
from explorer.training import Trainer, memory, shared_pass
from explorer.training.shared_pass import Step
from explorer.worker import hands, loop, runners
from tests.explorer.worker.cases import solutions_of
from tests.explorer.worker.conftest import LONG, LONG_TEXT

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import MakeSpec, Shift

StepsOf = Callable[[str], int]
Groups = list[set[int]]


@pytest.fixture
def specs(quick: "MakeSpec") -> list[ReconstructSpec]:
    """Four runs of other lengths, arrangements, recipes and restarts; told apart by their seeds."""
    short = LONG.model_copy(update={"max_steps": 16, "halve_at": 4})
    return [
        quick(seed=10, text=LONG_TEXT, length=12, recipe=short, restarts=2),
        quick(seed=20, restarts=2),
        quick(seed=30, text=LONG_TEXT, length=7, arrangement="halves", recipe=short, until="first",
              restarts=3),
        quick(seed=40, text=LONG_TEXT, length=21, recipe=short),
    ]  # fmt: skip


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> Groups:
    """Note the first seeds of those that took a step together."""
    noted: Groups = []
    plain = hands.take_together

    def take(steps: Sequence[Any]) -> None:
        noted.append({step.training.rows[0].seed for step in steps})
        plain(steps)

    monkeypatch.setattr(hands, "take_together", take)
    return noted


def found(job_id: str) -> list[Solution]:
    return [load_solution(path) for path in solutions_of(job_id)]


def same(one: str, other: str) -> None:
    """Check that two jobs came to the same end by the same way, to rounding."""
    for a, b in zip(found(one), found(other), strict=True):
        assert (a.record.seed, a.record.steps, a.record.exact) == (
            b.record.seed,
            b.record.steps,
            b.record.exact,
        )
        assert a.record.reason == b.record.reason
        np.testing.assert_allclose(a.e, b.e, rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(a.m, b.m, rtol=2e-3, atol=2e-3)


def alone(shift: "Shift", specs: Sequence[ReconstructSpec]) -> list[str]:
    """Do one after another."""
    return [shift.finish(client.submit(spec))[0].id for spec in specs]


def test_a_job_is_the_same_alone_and_among_others(
    shift: "Shift", specs: list[ReconstructSpec], groups: Groups
) -> None:
    """They begin at different times, and end by themselves."""
    before = alone(shift, specs)
    assert groups == []
    jobs = []
    for spec in specs:
        jobs.append(client.submit(spec))
        shift.turns(4)
    ended = shift.finish(*jobs)
    assert {10, 20, 30, 40} in groups
    assert [job.state for job in ended] == ["done"] * 4
    for one, other in zip(before, jobs, strict=True):
        same(one, other)
        assert client.get(one).result["h_lm"] == client.get(other).result["h_lm"]


def test_with_more_rows_than_fit_all_take_the_same_number_of_steps(
    shift: "Shift", long: "MakeSpec", groups: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "POSITIONS", 50)
    jobs = [client.submit(long(seed=k * 10, length=8 + k)) for k in range(5)]
    shift.until(lambda: len([a for a in shift.worker.active.values() if a.shares]) == 5)

    def steps() -> list[int]:
        asked = [shift.worker.active[job].job.next_step for job in jobs]
        return [int(step.training.report(detailed=False).steps[0]) for step in asked if step]

    before = steps()
    groups.clear()
    for turn in range(1, 5):
        shift.turns(1)
        assert steps() == [n + turn for n in before]
    assert groups == [{0, 10}, {30, 40}] * 4  # and the third by itself


def test_the_first_step_of_those_who_come_is_shared_as_well(
    shift: "Shift", long: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty who press Start at once would else wait for each other's first step."""
    alone: list[int] = []
    plain = Step.take

    def take(step: Step[Any]) -> Any:
        if step._said is None:
            alone.append(step.training.rows[0].seed)  # type: ignore[attr-defined]
        return plain(step)

    monkeypatch.setattr(Step, "take", take)
    jobs = [client.submit(long(seed=k * 10)) for k in range(4)]
    shift.until(lambda: len([a for a in shift.worker.active.values() if a.shares]) == 4)
    shift.turns(2)
    assert alone == []
    for job in jobs:
        client.ask(job, "stop")
    shift.finish(*jobs)


def test_who_comes_at_the_end_of_a_round_begins_the_next(
    shift: "Shift", long: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round of thirty takes long, and whoever came last would wait for all of it."""
    monkeypatch.setattr(hands, "that_fit", lambda steps: min(2, len(steps)))
    monkeypatch.setattr(loop, "SLICE_SECONDS", 60.0)
    early = [client.submit(long(seed=k * 10)) for k in range(4)]
    shift.until(lambda: sum(a.stepped for a in shift.worker.active.values()) == len(early))
    late = client.submit(long(seed=90))
    plain, taken = shift.worker.hands.step_together, list[list[str]]()

    def step_together(group: Sequence[hands.Active]) -> None:
        taken.append([each.job.id for each in group])
        plain(group)

    monkeypatch.setattr(loop, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(shift.worker.hands, "step_together", step_together)
    shift.turns(1)
    assert taken == [[late, early[0]], early[1:3], early[3:]]


def test_who_comes_in_the_middle_of_a_round_is_in_the_next_pass(
    shift: "Shift", long: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands, "that_fit", lambda steps: min(2, len(steps)))
    monkeypatch.setattr(loop, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(loop, "SLICE_SECONDS", 60.0)
    early = [client.submit(long(seed=k * 10)) for k in range(4)]
    shift.until(lambda: len([a for a in shift.worker.active.values() if a.shares]) == 4)
    plain, late, taken = shift.worker.hands.step_together, list[str](), list[list[str]]()

    def step_together(group: Sequence[hands.Active]) -> None:
        if not late:
            late.append(client.submit(long(seed=90)))
        else:
            taken.append([each.job.id for each in group])
        plain(group)

    go_on, gone = shift.worker.hands.go_on, list[str]()

    def goes_on(active: hands.Active) -> bool:
        if not gone:
            client.ask(early[1], "pause")  # heard once its answer is taken
        gone.append(active.job.id)
        return go_on(active)

    monkeypatch.setattr(shift.worker.hands, "step_together", step_together)
    monkeypatch.setattr(shift.worker.hands, "go_on", goes_on)
    shift.turns(1)
    assert taken == [[late[0], early[2]], [early[3]]]
    assert gone[:2] == early[:2]  # whose step is taken says so before anybody else has another
    assert shift.worker.active[early[1]].paused
    for job in early + late:
        client.ask(job, "stop")
    shift.finish(*early, *late)


def test_passes_are_short_while_people_come(
    shift: "Shift", long: "MakeSpec", groups: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a whole class takes seconds, and who comes during it waits for a first frame."""
    jobs = [client.submit(long(seed=k * 10)) for k in range(4)]
    shift.until(lambda: len([a for a in shift.worker.active.values() if a.shares]) == 4)
    mine = shift.worker.hands
    first = next(iter(mine.active.values()))
    two_fit = hands.SHORT_SECONDS / (2.5 * first.tokens)
    groups.clear()
    mine._token_seconds = two_fit
    shift.turns(1)
    assert groups[0] == {0, 10} and mine._token_seconds < two_fit  # as the pass was timed
    groups.clear()
    mine._token_seconds = two_fit
    monkeypatch.setattr(hands, "WELCOME_SECONDS", 0.0)
    shift.turns(1)
    assert groups == [{0, 10, 20, 30}]
    for job in jobs:
        client.ask(job, "stop")
    shift.finish(*jobs)


def test_jobs_of_another_model_step_apart(
    shift: "Shift", specs: list[ReconstructSpec], groups: Groups, tiny_neox_folder: Path
) -> None:
    other = [s.model_copy(update={"model": str(tiny_neox_folder)}) for s in specs[2:]]
    shift.finish(*[client.submit(spec) for spec in [*specs[:2], *other]])
    assert {10, 20} in groups and {30, 40} in groups
    assert all(group in ({10, 20}, {30, 40}) for group in groups)


@pytest.mark.parametrize("wish", ["stop", "pause"])
def test_who_leaves_in_the_middle_of_a_shared_step_holds_up_no_one(
    wish: str, shift: "Shift", specs: list[ReconstructSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = alone(shift, specs)
    jobs = [client.submit(spec) for spec in specs]
    shift.until(lambda: len([a for a in shift.worker.active.values() if a.shares]) == 4)
    shift.turns(3)
    plain, left = shared_pass.answer, []

    def answer(proposals: Sequence[Any]) -> Any:
        if not left and len(proposals) > 1:
            left.append("asked")
            client.ask(jobs[0], wish)
            try:
                return plain(proposals)
            except BaseException as why:
                left.append(type(why).__name__)
                raise
        return plain(proposals)

    monkeypatch.setattr(hands, "HEAR_SECONDS", 0.0)
    monkeypatch.setattr(shared_pass, "answer", answer)
    shift.finish(*jobs[1:])
    assert left == ["asked", "Interrupted"]
    for one, other in zip(before[1:], jobs[1:], strict=True):
        same(one, other)
    if wish == "pause":
        assert client.get(jobs[0]).state == "paused"
        client.ask(jobs[0], "run")
        shift.finish(jobs[0])
        same(before[0], jobs[0])
    else:
        assert client.get(jobs[0]).state == "stopped"
        assert {s.record.reason for s in found(jobs[0])} == {"stopped by hand"}


@pytest.mark.parametrize("where", ["propose", "apply"])
def test_what_goes_wrong_in_one_is_said_there_and_the_others_go_on(
    where: str, shift: "Shift", specs: list[ReconstructSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, plain = alone(shift, specs), getattr(Trainer, where)

    def broken(self: Trainer, *given: Any, **named: Any) -> Any:
        if self.rows[0].seed == 20 and self.report(detailed=False).steps[0] == 3:
            raise RuntimeError("a number went astray")
        return plain(self, *given, **named)

    monkeypatch.setattr(Trainer, where, broken)
    jobs = [client.submit(spec) for spec in specs]
    ended = shift.finish(*jobs)
    assert [job.state for job in ended] == ["done", "failed", "done", "done"]
    assert ended[1].error is not None and "a number went astray" in ended[1].error
    for k in (0, 2, 3):
        same(before[k], jobs[k])


def test_a_pass_that_breaks_is_taken_by_each_alone(
    shift: "Shift", specs: list[ReconstructSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, plain, broken = alone(shift, specs), shared_pass.answer, []

    def answer(proposals: Sequence[Any]) -> Any:
        if len({id(asked.owner) for asked in proposals}) > 1:
            broken.append(len(proposals))
            raise RuntimeError("the device hiccups")
        return plain(proposals)

    monkeypatch.setattr(shared_pass, "answer", answer)
    jobs = [client.submit(spec) for spec in specs]
    assert [job.state for job in shift.finish(*jobs)] == ["done"] * 4
    assert broken
    for one, other in zip(before, jobs, strict=True):
        same(one, other)


def test_who_was_there_when_a_worker_died_goes_alone_until_it_gets_on(
    hire: Callable[[], "Shift"],
    long: "MakeSpec",
    groups: Groups,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shift, jobs = hire(), [client.submit(long(seed=seed)) for seed in (0, 10, 20)]
    shift.until(lambda: {0, 10, 20} in groups)

    def die(_: Sequence[Any]) -> None:
        raise SystemExit  # as far as the queue can see: no last words

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(hands, "take_together", die)
        shift.turns(1)
    shift.die()
    shift.worker.active.clear()
    later = client.submit(long(seed=30))
    other = client.submit(long(seed=40))
    groups.clear()
    again = hire()
    with transaction() as session:
        deaths = {j: row.deaths for j in [*jobs, later] if (row := session.get(JobRow, j))}
    assert deaths == dict.fromkeys(jobs, 1) | {later: 0}
    ids = {*jobs, later, other}
    again.until(lambda: all(j in again.worker.active for j in ids))
    again.until(lambda: len([a for a in again.worker.active.values() if a.shares]) == 5)
    again.turns(3)
    assert groups and all(group == {30, 40} for group in groups)
    for job_id in jobs:
        again.worker.active[job_id].job._kept = 2  # kept twice, as long ones are
    again.turns(1)
    assert groups[-1] == {0, 10, 20, 30, 40}


def test_a_set_and_a_cell_are_the_same_alone_and_among_others(
    shift: "Shift",
    quick: "MakeSpec",
    long: "MakeSpec",
    tiny_llama_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What they train goes through the passes of somebody who waits for a page."""
    model, kinds = str(tiny_llama_folder), set[frozenset[str]]()
    recipe = quick().recipe.model_copy(update={"max_steps": 40})

    def specs(seed: int) -> list[Any]:
        return [
            SolveSetSpec(
                model=model, texts=(GatheredText(text="zzqq"), GatheredText(text="xxvv")),
                restarts=2, length=4, regime="free", arrangement="halves", recipe=recipe, seed=seed,
            ),
            ExperimentSpec(
                settings=experiment("arrangements").make(
                    {"model": model, "recipe": recipe, "texts": 2, "seed": seed, "restarts": 2,
                     "arrangements": ("halves",), "lengths": (4,), "source": "unseen"}
                )
            ),
        ]  # fmt: skip

    def members(job: Any) -> list[tuple[Any, ...]]:
        if "set" in job.result:
            record = sets.load(sets.folder_of(job.result["set"]))
            return [(m.seed, m.steps, m.exact, m.accuracy) for m in record.members]
        rows = [
            row for done in runs.load(runs.folder_of(job.result["run"])).done for row in done.rows
        ]
        return [(row["restart"], row["steps"], row["exact"], row["accuracy"]) for row in rows]

    before = [members(job) for job in shift.finish(*[client.submit(s) for s in specs(3)])]
    for job in client.jobs():
        shutil.rmtree(
            sets.folder_of(job.result["set"])
            if "set" in job.result
            else runs.folder_of(job.result["run"])
        )
    plain = hands.take_together

    def take(steps: Sequence[Any]) -> None:
        by_step = {id(a.job.next_step): a.job.spec.kind for a in shift.worker.active.values()}
        kinds.add(frozenset(by_step[id(step)] for step in steps))
        plain(steps)

    monkeypatch.setattr(hands, "take_together", take)
    monkeypatch.setattr(loop, "BEHIND_SHARE", 0.5)
    person = client.submit(long(seed=90))
    shift.until(lambda: any(a.shares for a in shift.worker.active.values()))
    ended = shift.finish(*[client.submit(s) for s in specs(3)])
    assert frozenset({"reconstruct", "solve-set"}) in kinds
    assert frozenset({"reconstruct", "experiment"}) in kinds
    assert [members(job) for job in ended] == before
    client.ask(person, "stop")
    shift.finish(person)


def test_sets_keep_a_fifth_of_the_time_while_people_wait(
    shift: "Shift",
    quick: "MakeSpec",
    tiny_llama_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Steps of 10 ms, and of 100 ms of sets, by a clock that only they move."""
    clock, spent = [100.0], {"reconstruct": 0.0, "zzqq": 0.0, "xxvv": 0.0}
    waits: list[bool] = []

    def run(job: Any) -> Iterator[bool]:
        kind = job.spec.kind
        whose, cost = (kind, 0.01) if kind == "reconstruct" else (job.spec.texts[0].text, 0.1)
        while True:
            if waits and kind == "reconstruct":
                yield False
                continue
            clock[0] += cost
            spent[whose] += cost
            yield True

    monkeypatch.setattr(runners, "run", run)
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.5)
    monkeypatch.setattr(loop, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock[0], time=time.time))
    for text in ("zzqq", "xxvv"):
        client.submit(
            SolveSetSpec(
                model=str(tiny_llama_folder),
                texts=(GatheredText(text=text),),
                restarts=1,
                length=4,
                regime="free",
                arrangement="halves",
                recipe=LONG,
            )
        )
    for seed in (0, 1):
        client.submit(quick(seed=seed))
    shift.turns(40)
    behind = spent["zzqq"] + spent["xxvv"]
    assert behind / (behind + spent["reconstruct"]) == pytest.approx(0.2, abs=0.02)
    assert spent["zzqq"] == pytest.approx(spent["xxvv"], rel=0.2)
    waits.append(True)
    before = clock[0]
    shift.turns(4)
    assert spent["zzqq"] + spent["xxvv"] - behind == pytest.approx(clock[0] - before)
    assert clock[0] - before > 3.5


def test_a_set_that_shares_passes_keeps_a_fifth_of_them(
    shift: "Shift", long: "MakeSpec", tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it costs is its part of the passes and what it does with the answer."""
    plain, spent = loop.Worker._share, {"solve-set": 0.0, "all": 0.0}
    for seed in (0, 10):
        client.submit(long(seed=seed))
    client.submit(
        SolveSetSpec(
            model=str(tiny_llama_folder),
            texts=(GatheredText(text=LONG_TEXT),),
            restarts=8,
            length=30,
            regime="free",
            arrangement="halves",
            recipe=LONG,
        )
    )
    shift.until(lambda: len([a for a in shift.worker.active.values() if a.shares]) == 3)

    def share(self: Any, left: Any) -> bool:
        began = time.monotonic()
        found = plain(self, left)
        spent["all"] += time.monotonic() - began
        spent["solve-set"] += sum(a.spent for a in left if a.behind)
        return found

    monkeypatch.setattr(loop.Worker, "_share", share)
    shift.worker._owed = 0.0
    shift.turns(150)
    assert spent["solve-set"] / spent["all"] == pytest.approx(0.2, abs=0.05)
