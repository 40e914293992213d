"""Long texts are asked for from their beginning."""

import numpy as np
import pytest

from explorer.arrangements import KEYS, ArrangementKey
from explorer.metrics import score
from explorer.models import FrozenModel
from explorer.training import Row, Trainer
from explorer.training.autoregressive import MemoryTrainer
from explorer.training.growth import first_reach, next_reach
from tests.explorer.training.cases import HARD, quick, run, trajectory

LONG = (17, 17, 17, 99, 99, 99, 5, 5, 5, 160)
GROWING = quick(grow_from=3)


def test_a_text_begins_with_what_the_recipe_says_or_whole() -> None:
    assert [first_reach(quick(grow_from=k), 10) for k in (1, 9, 10, 500)] == [1, 9, 10, 10]
    assert first_reach(quick(), 10) == 10


def test_more_is_asked_for_when_four_fifths_are_right() -> None:
    assert [next_reach(24, 500, right) for right in (0, 19, 20, 24)] == [24, 24, 40, 40]
    lengths = [24]
    while lengths[-1] < 300:
        lengths.append(next_reach(lengths[-1], 300, lengths[-1]))
    assert lengths == [24, 40, 64, 104, 168, 272, 300]
    assert [next_reach(k, 9, k) for k in (1, 2, 8, 9)] == [8, 8, 9, 9]


@pytest.mark.parametrize("key", KEYS)
def test_the_beginning_is_measured_where_it_stands_in_the_whole(
    llama: FrozenModel, key: ArrangementKey
) -> None:
    grows = Trainer(llama, [Row(LONG, 3)], key, GROWING)
    e, m = grows.vectors_of(0).copy()
    report = grows.step(detail=True)
    whole = score(llama, e, m, LONG, key)
    assert report.predicted[0].tolist() == [*whole.predicted[:3], *[-1] * 7]
    assert report.rank[0].tolist() == [*whole.rank[:3], *[0] * 7]
    np.testing.assert_allclose(report.p[0], [*whole.p[:3], *[0.0] * 7], rtol=1e-3)
    assert report.loss[0] == pytest.approx(-np.log(whole.p[:3]).mean(), rel=1e-3)
    assert report.accuracy[0] == pytest.approx(whole.correct[:3].sum() / 10)


def test_a_row_moves_as_the_beginning_alone_would_until_it_grows(llama: FrozenModel) -> None:
    grows = Trainer(llama, [Row(LONG, 3)], "e+mN", GROWING)
    alone = Trainer(llama, [Row(LONG[:3], 3)], "e+mN", quick())
    np.testing.assert_allclose(
        trajectory(grows, 0, 6), trajectory(alone, 0, 6), rtol=1e-4, atol=1e-4
    )
    run(grows, 20)
    assert grows.report(detailed=False).reach[0] > 3


def test_a_row_grows_to_the_whole_and_is_exact_only_there(llama: FrozenModel) -> None:
    text = (17, 17, 17, 99, 99, 99)
    ours = Trainer(llama, [Row(text, 3)], "halves", quick(grow_from=3))
    reports = run(ours, 400)
    reach = [report.reach[0] for report in reports]
    assert reach[0] == 3 and reach[-1] == 6 and reach == sorted(reach)
    small = [report for report in reports[:-1] if report.reach[0] == 3]
    assert small and all(report.accuracy[0] <= 3 / 6 for report in small)
    found = ours.outcome(0)
    assert found.score.exact and found.reason is None
    e, m = found.e, found.m
    assert score(llama, e, m, text, "halves").exact


def test_rows_do_not_influence_each_other_however_far_they_are(llama: FrozenModel) -> None:
    row = Row(LONG, 7)
    alone = trajectory(Trainer(llama, [row], "e+mN", GROWING), 0, 40)
    others = [Row(HARD, 7), Row(LONG, 8), row, Row(LONG[:8], 9)]
    among = trajectory(Trainer(llama, others, "e+mN", GROWING), 2, 40)
    np.testing.assert_allclose(alone, among, rtol=1e-3, atol=1e-3)


def test_a_growing_row_goes_on_after_a_checkpoint(llama: FrozenModel) -> None:
    def fresh() -> Trainer:
        return Trainer(llama, [Row(LONG, 3), Row(LONG[:5], 3)], "halves", GROWING)

    whole = fresh()
    for _ in range(25):
        whole.step()
    resumed = fresh()
    resumed.restore(*whole.checkpoint())
    assert (
        resumed.report(detailed=False).reach.tolist() == whole.report(detailed=False).reach.tolist()
    )
    np.testing.assert_array_equal(trajectory(resumed, 0, 10), trajectory(whole, 0, 10))


def test_a_checkpoint_of_before_texts_grew_asks_for_everything(llama: FrozenModel) -> None:
    ours = Trainer(llama, [Row(LONG, 3)], "halves", quick())
    ours.step()
    tensors, values = ours.checkpoint()
    del values["rows"][0]["reach"]
    again = Trainer(llama, [Row(LONG, 3)], "halves", quick())
    again.restore(tensors, values)
    assert again.report(detailed=False).reach.tolist() == [10]


def test_memory_vectors_grow_too(llama: FrozenModel) -> None:
    ours = MemoryTrainer(llama, [Row(LONG, 3)], 2, GROWING)
    alone = MemoryTrainer(llama, [Row(LONG[:3], 3)], 2, quick())
    for _ in range(2):
        ours.step()
        alone.step()
        np.testing.assert_allclose(ours.vectors_of(0), alone.vectors_of(0), rtol=1e-4, atol=1e-4)
    assert ours.standing().accuracy[0] == pytest.approx(alone.standing().accuracy[0] * 3 / 10)
