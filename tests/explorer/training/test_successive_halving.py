from itertools import pairwise

from explorer.model.frozen import FrozenModel
from explorer.solutions.solution import BEATEN, halted
from explorer.specs.recipes import FAST
from explorer.specs.schedules import WAKE_STEPS, places
from explorer.training import Row, Trainer
from explorer.training.rows import DONE, FINISH, REST, SEARCH, Group
from explorer.training.successive_halving import LEAD, arrange
from tests.explorer.training.cases import EASY, HARD, quick, run

HALVING = FAST.model_copy(update={"halve_at": 40, "rest_above": None})
RACING = FAST.model_copy(update={"halve_at": 40, "rest_above": 1.2, "warmup_steps": 8})
LOST = BEATEN


def _groups(*phases: str, steps: int) -> list[Group]:
    return [Group([k], [2 * k, 2 * k + 1], phase, steps) for k, phase in enumerate(phases)]


def test_half_of_the_restarts_have_a_place_and_later_one_more_at_a_time() -> None:
    assert [places(HALVING, 4, s, 4) for s in (0, 39, 40, 39 + WAKE_STEPS)] == [4, 4, 2, 2]
    assert [places(HALVING, 4, 40 + k * WAKE_STEPS, 2) for k in (1, 2, 9)] == [3, 4, 4]
    assert [places(HALVING, k, 40, k) for k in (1, 2, 3, 5)] == [1, 1, 2, 3]
    assert places(HALVING.model_copy(update={"halve_at": None}), 4, 500, 1) == 4


def test_a_restart_far_ahead_has_the_only_place_until_others_return() -> None:
    assert [places(HALVING, 4, s, 1) for s in (39, 40)] == [4, 1]
    assert [places(HALVING, 4, 40 + k * WAKE_STEPS, 1) for k in (1, 2, 9)] == [2, 3, 4]


def test_after_the_warm_up_of_a_race_those_near_the_leader_have_a_place() -> None:
    assert [places(RACING, 4, s, 3) for s in (7, 8, 39, 40)] == [4, 3, 3, 2]
    never = RACING.model_copy(update={"halve_at": None})
    assert [places(never, 4, s, 1) for s in (7, 8, 500)] == [4, 1, 1]


def test_those_that_fall_behind_in_a_race_rest_until_the_leader_falls_back() -> None:
    groups = _groups(SEARCH, SEARCH, SEARCH, SEARCH, steps=8)
    losses = {0: 2.0, 1: 2.39, 2: 2.41, 3: 9.0}
    arrange(groups, losses, RACING)
    assert [g.phase for g in groups] == [SEARCH, SEARCH, REST, REST]
    arrange(groups, losses | {1: 2.5}, RACING)
    assert [g.phase for g in groups] == [SEARCH, REST, REST, REST]
    arrange(groups, losses | {0: 8.0}, RACING)
    assert [g.phase for g in groups] == [REST, SEARCH, SEARCH, REST]
    for group in groups:
        group.steps = 40  # halved: the second is no more far behind, by another measure
    arrange(groups, losses | {1: 2.9}, RACING)
    assert [g.phase for g in groups] == [SEARCH, REST, SEARCH, REST]
    for group in groups:
        group.steps = 7
    arrange(groups, losses, RACING)
    assert {g.phase for g in groups} == {SEARCH}


def test_the_worse_half_rests_and_the_best_of_it_returns_first() -> None:
    groups = _groups(SEARCH, SEARCH, SEARCH, SEARCH, steps=40)
    losses = {0: 2.5, 1: 1.8, 2: 4.0, 3: 2.0}
    arrange(groups, losses, HALVING)
    assert [g.phase for g in groups] == [REST, SEARCH, REST, SEARCH]
    groups[1].phase = DONE  # a leader ended: its place is free
    arrange(groups, losses, HALVING)
    assert [g.phase for g in groups] == [SEARCH, DONE, REST, SEARCH]
    for group in groups:
        group.steps += WAKE_STEPS
    arrange(groups, losses, HALVING)
    assert [g.phase for g in groups] == [SEARCH, DONE, SEARCH, SEARCH]


def test_a_leader_far_ahead_trains_alone_until_it_falls_back() -> None:
    groups = _groups(SEARCH, SEARCH, SEARCH, steps=40)
    losses = {0: 2.0, 1: LEAD * 1.0 + 0.01, 2: 1.0}
    arrange(groups, losses, HALVING)
    assert [g.phase for g in groups] == [REST, REST, SEARCH]
    losses[2] = 1.2  # the next one is near again
    arrange(groups, losses, HALVING)
    assert [g.phase for g in groups] == [REST, SEARCH, SEARCH]
    losses[2] = 5.0  # and now far ahead of the one that led, but not of the third
    arrange(groups, losses, HALVING)
    assert [g.phase for g in groups] == [SEARCH, SEARCH, REST]


def test_a_leader_whose_loss_is_no_number_goes_on() -> None:
    groups = _groups(SEARCH, SEARCH, steps=8)
    arrange(groups, {0: float("nan"), 1: float("nan")}, RACING)
    assert [g.phase for g in groups] == [SEARCH, REST]


def test_a_restart_in_its_last_steps_never_rests() -> None:
    groups = _groups(FINISH, SEARCH, SEARCH, SEARCH, steps=40)
    arrange(groups, {0: 9.0, 1: 1.0, 2: 2.0, 3: 3.0}, HALVING)
    assert [g.phase for g in groups] == [FINISH, SEARCH, REST, REST]


def test_the_first_exact_restart_ends_the_others_of_its_text_only(llama: FrozenModel) -> None:
    rows = [Row(EASY, s) for s in range(3)] + [Row(HARD, s) for s in range(2)]
    trainer = Trainer(llama, rows, "halves", quick(max_steps=60), until="first")
    reports = run(trainer)
    reasons = reports[-1].reason
    assert reasons[:3].count(None) >= 1 and set(reasons[:3]) <= {None, LOST}
    assert all(reason != LOST for reason in reasons[3:])
    first = next(r for r in reports if "done" in r.phase)
    assert set(first.phase[:3]) == {DONE} and set(first.phase[3:]) == {SEARCH}


def test_two_texts_that_begin_alike_do_not_end_each_other(llama: FrozenModel) -> None:
    rows = [Row(EASY, seed, text=seed) for seed in (0, 2)]

    def ends(some: list[Row]) -> list[tuple[int, str | None]]:
        trainer = Trainer(llama, some, "halves", quick(max_steps=60), until="first")
        report = run(trainer)[-1]
        return list(zip(report.steps.tolist(), report.reason, strict=True))

    alone = [end for row in rows for end in ends([row])]
    assert ends(rows) == alone and {reason for _, reason in alone} == {None}
    assert LOST in [reason for _, reason in ends([Row(EASY, seed) for seed in (0, 2)])]


def test_a_restart_that_rests_ends_for_another_reason_than_one_in_training(
    llama: FrozenModel,
) -> None:
    rows = [Row(EASY, s) for s in range(4)]
    trainer = Trainer(llama, rows, "halves", quick(max_steps=60, halve_at=2), until="first")
    reports = run(trainer)
    before = next(b for b, r in pairwise(reports) if "done" in r.phase)
    end = reports[-1]
    assert REST in before.phase and None in end.reason
    for i, phase in enumerate(before.phase):
        if phase == REST:
            assert end.reason[i] == halted(int(end.steps[i]))
            assert end.steps[i] < max(end.steps)
        else:
            assert end.reason[i] in (None, LOST)


def test_a_resting_restart_costs_nothing_and_keeps_its_place(
    llama: FrozenModel, call_log: list[int]
) -> None:
    rows = [Row(HARD, s) for s in range(4)]
    trainer = Trainer(llama, rows, "e+mN", quick(max_steps=30, halve_at=5), until="first")
    reports = [trainer.step() for _ in range(9)]
    assert call_log == [4] * 5 + [2] * 4
    resting = [i for i, phase in enumerate(reports[-1].phase) if phase == REST]
    assert len(resting) == 2
    at_halving = reports[4].loss
    assert max(at_halving[[i for i in range(4) if i not in resting]]) <= min(at_halving[resting])
    assert list(reports[-1].steps[resting]) == [5, 5]
    alone = Trainer(llama, [rows[resting[0]]], "e+mN", quick(max_steps=30, halve_at=5))
    for _ in range(5):
        alone.step()
    assert abs(trainer.vectors_of(resting[0]) - alone.vectors_of(0)).max() < 1e-4


def test_without_a_contest_nobody_rests(llama: FrozenModel) -> None:
    rows = [Row(HARD, s) for s in range(4)]
    trainer = Trainer(llama, rows, "e+mN", quick(max_steps=12, halve_at=5))
    assert {phase for report in run(trainer) for phase in report.phase} <= {SEARCH, DONE}
    assert list(trainer.report(detailed=False).steps) == [12] * 4


def test_where_no_restart_is_exact_every_one_has_its_steps(llama: FrozenModel) -> None:
    rows = [Row(HARD, s) for s in range(4)]
    trainer = Trainer(llama, rows, "e+mN", quick(max_steps=12, halve_at=5), until="first")
    report = run(trainer)[-1]
    assert list(report.steps) == [12] * 4
    assert set(report.reason) == {"not exact within 12 steps"}


def test_a_contest_goes_on_after_a_checkpoint(llama: FrozenModel) -> None:
    rows = [Row(HARD, s) for s in range(4)]

    def fresh() -> Trainer:
        return Trainer(llama, rows, "e+mN", quick(max_steps=20, halve_at=5), until="first")

    whole = fresh()
    for _ in range(8):
        whole.step()
    resumed = fresh()
    resumed.restore(*whole.checkpoint())
    assert resumed.report(detailed=False).phase == whole.report(detailed=False).phase
    ends = [run(trainer)[-1] for trainer in (whole, resumed)]
    assert ends[0].steps.tolist() == ends[1].steps.tolist()
    assert ends[0].loss.tolist() == ends[1].loss.tolist()
