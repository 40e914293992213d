from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from explorer.base.errors import BadInputError
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import score
from explorer.specs.arrangements import ArrangementKey
from explorer.specs.recipes import FAST, PAPER, Recipe
from explorer.training import Row, Trainer, trainer
from tests.explorer.training.cases import EASY, HARD, QUICK, name, quick, run, trajectory


class TestStart:
    def test_a_seed_decides_the_start(self, llama: FrozenModel) -> None:
        rows = [Row(HARD, 3), Row(EASY, 3), Row(HARD, 4)]
        first = Trainer(llama, rows, "e+mN", QUICK)
        again = Trainer(llama, rows, "halves", QUICK)
        for i in range(3):
            np.testing.assert_array_equal(first.vectors_of(i), again.vectors_of(i))
        np.testing.assert_array_equal(first.vectors_of(0), first.vectors_of(1))
        assert not np.allclose(first.vectors_of(0), first.vectors_of(2))
        e, m = first.vectors_of(0)
        assert not np.allclose(e, m)

    def test_the_papers_start_is_a_standard_normal(self, llama: FrozenModel) -> None:
        start = Trainer(llama, [Row(EASY, seed) for seed in range(40)], "e", PAPER)
        drawn = np.concatenate([start.vectors_of(i) for i in range(40)])
        assert drawn.dtype == np.float32
        assert drawn.mean() == pytest.approx(0, abs=4 / drawn.size**0.5)
        assert drawn.std() == pytest.approx(1, abs=4 / drawn.size**0.5)

    def test_the_fast_start_lies_where_embeddings_live(self, llama: FrozenModel) -> None:
        recipe = quick(init_scale=2.0)
        start = Trainer(llama, [Row(EASY, seed) for seed in range(40)], "e", recipe)
        drawn = np.concatenate([start.vectors_of(i) for i in range(40)])
        away = drawn - llama.embedding_mean.numpy()
        assert away.mean() == pytest.approx(0, abs=4 * 0.4 / drawn.size**0.5)
        assert away.std() == pytest.approx(2 * llama.embedding_std, rel=0.1)

    def test_a_scale_of_nothing_starts_at_the_mean(self, llama: FrozenModel) -> None:
        start = Trainer(llama, [Row(EASY, 0)], "e", quick(init_scale=0.0))
        for vector in start.vectors_of(0):
            np.testing.assert_array_equal(vector, llama.embedding_mean.numpy())

    def test_given_vectors_are_taken(self, llama: FrozenModel) -> None:
        solved = Trainer(llama, [Row(EASY, 0)], "halves", QUICK)
        run(solved)
        found = solved.outcome(0)
        warm = Trainer(
            llama, [Row(EASY, 5), Row(EASY, 5)], "halves", QUICK, starts={1: (found.e, found.m)}
        )
        fresh = Trainer(llama, [Row(EASY, 5)], "halves", QUICK)
        np.testing.assert_array_equal(warm.vectors_of(0), fresh.vectors_of(0))
        run(warm)
        assert warm.outcome(1).steps == 0
        np.testing.assert_array_equal(warm.outcome(1).e, found.e)
        assert warm.outcome(0).steps > 0

    def test_nothing_to_train_is_said(self, llama: FrozenModel) -> None:
        with pytest.raises(BadInputError, match="nothing to train"):
            Trainer(llama, [], "e", PAPER)
        with pytest.raises(BadInputError, match="at least one token"):
            Trainer(llama, [Row((), 0)], "e", PAPER)

    def test_a_text_beyond_the_models_positions_is_said(self, llama: FrozenModel) -> None:
        most = (1,) * 128
        Trainer(llama, [Row(most, 0)], "e+mN-1", PAPER).step()
        Trainer(llama, [Row(most[1:], 0)], "e+mN", PAPER).step()
        for key, ids in (("e+mN-1", (*most, 1)), ("e+mN", most)):
            with pytest.raises(BadInputError, match="129 input positions are more than the 128"):
                Trainer(llama, [Row((1, 2), 0), Row(ids, 0)], key, PAPER)


class TestSteps:
    @pytest.mark.parametrize("key", ["halves", "e+mN"])
    @pytest.mark.parametrize("recipe", [PAPER, quick(clip=0.3, weight_decay=0.1)], ids=name)
    def test_a_row_follows_a_plain_training_loop(
        self, llama: FrozenModel, neox: FrozenModel, key: ArrangementKey, recipe: Recipe
    ) -> None:
        recipe = recipe.model_copy(update={"warmup_steps": 0, "schedule": "constant"})
        for model in (llama, neox):
            ours = Trainer(model, [Row(HARD, 1)], key, recipe)
            e, m = (torch.nn.Parameter(torch.from_numpy(v.copy())) for v in ours.vectors_of(0))
            lr = recipe.lr * (1 if recipe.lr_unit == "absolute" else model.embedding_std)
            optimiser = torch.optim.AdamW(
                [e, m], lr=lr, betas=(0.9, 0.9), weight_decay=recipe.weight_decay
            )
            target = torch.tensor(HARD)
            for _ in range(12):
                pair = [e, e, e, m, m, m] if key == "halves" else [e, m, m, m, m, m, m]
                logits = model.network(inputs_embeds=torch.stack(pair)[None]).logits[0, -6:]
                loss = functional.cross_entropy(logits, target)
                optimiser.zero_grad()
                loss.backward()
                if recipe.clip is not None:
                    for vector in (e, m):
                        torch.nn.utils.clip_grad_norm_([vector], recipe.clip)
                report = ours.step()
                optimiser.step()
                assert report.loss[0] == pytest.approx(loss.item(), rel=1e-3)
                expected = torch.stack([e, m]).detach().numpy()
                np.testing.assert_allclose(ours.vectors_of(0), expected, rtol=1e-3, atol=1e-3)

    @pytest.mark.parametrize(("key", "ids"), [("e", HARD), ("halves", (17,)), ("e+mN-1", (17,))])
    def test_where_m_does_not_occur_it_stays_as_it_started(
        self, llama: FrozenModel, key: ArrangementKey, ids: tuple[int, ...]
    ) -> None:
        recipe = PAPER.model_copy(update={"max_steps": 10})
        ours = Trainer(llama, [Row(ids, 0)], key, recipe)
        e, m = ours.vectors_of(0).copy()
        run(ours, 5)
        assert not np.allclose(ours.vectors_of(0)[0], e)
        np.testing.assert_array_equal(ours.vectors_of(0)[1], m)
        run(ours)
        np.testing.assert_array_equal(ours.outcome(0).m, m)

    def test_rows_do_not_influence_each_other(self, llama: FrozenModel) -> None:
        row = Row(HARD, 7)
        alone = trajectory(Trainer(llama, [row], "e+mN", PAPER), 0, 25)
        others = [Row((1, 2, 3), 7), Row(tuple(reversed(HARD)), 8), row, Row((4,) * 6, 9)]
        among = trajectory(Trainer(llama, others, "e+mN", PAPER), 2, 25)
        np.testing.assert_allclose(alone, among, rtol=1e-4, atol=1e-4)
        assert not np.allclose(alone[0], alone[-1], atol=1e-2)

    def test_a_row_that_moves_to_another_trainer_goes_on_as_if_it_had_stayed(
        self, llama: FrozenModel
    ) -> None:
        rows = [Row(HARD, 7), Row(tuple(reversed(HARD)), 8)]
        stays = trajectory(Trainer(llama, rows, "e+mN", QUICK), 1, 20)
        first = Trainer(llama, rows, "e+mN", QUICK)
        for _ in range(9):
            first.step()
        second = Trainer(llama, [Row(HARD, 9), Row((1, 2, 3), 1), rows[1]], "e+mN", QUICK)
        second.step()
        second.adopt(2, first, 1)
        np.testing.assert_allclose(trajectory(second, 2, 11), stays[9:], rtol=1e-4, atol=1e-4)
        assert second.report(detailed=False).steps.tolist() == [12, 12, 20]

    def test_only_the_rows_that_are_named_end(self, llama: FrozenModel) -> None:
        ours = Trainer(llama, [Row(HARD, seed) for seed in range(3)], "e+mN", QUICK)
        ours.step()
        ours.stop("enough", [1])
        ours.step()
        report = ours.report(detailed=False)
        assert report.phase == ("search", "done", "search")
        assert report.reason == (None, "enough", None)
        assert report.steps.tolist() == [2, 1, 2]

    def test_small_batches_change_nothing(
        self, llama: FrozenModel, monkeypatch: pytest.MonkeyPatch, call_log: list[int]
    ) -> None:
        rows = [Row(HARD, seed) for seed in range(4)] + [Row((8, 9), 5)]
        trajectories = []
        for at_once, expected in ((5, [5]), (4, [3, 2]), (2, [2, 2, 1]), (1, [1] * 5)):
            call_log.clear()
            monkeypatch.setattr(trainer, "rows_that_fit", lambda *_, at_once=at_once: at_once)
            ours = Trainer(llama, rows, "e+mN", PAPER)
            ours.step()
            assert call_log == expected
            trajectories.append([trajectory(ours, i, 4) for i in range(5)])
        for other in trajectories[1:]:
            for a, b in zip(trajectories[0], other, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)

    def test_a_report_says_where_every_row_is(self, llama: FrozenModel) -> None:
        ours = Trainer(llama, [Row(HARD, 0), Row((8, 9), 1)], "e+mN", PAPER)
        e, m = ours.vectors_of(0).copy()
        first = ours.step(detail=True)
        found = score(llama, e, m, HARD, "e+mN")
        assert first.detailed
        assert first.steps.tolist() == [1, 1]
        assert first.phase == ("search", "search") and first.reason == (None, None)
        assert first.loss[0] == pytest.approx(found.loss, rel=1e-4)
        assert first.accuracy[0] == pytest.approx(found.accuracy)
        np.testing.assert_array_equal(first.predicted[0], found.predicted)
        np.testing.assert_array_equal(first.rank[0], found.rank)
        np.testing.assert_allclose(first.p[0], found.p, rtol=1e-3)
        assert [len(p) for p in first.predicted] == [6, 2]
        second = ours.step()
        assert not second.detailed
        np.testing.assert_array_equal(second.predicted[0], first.predicted[0])
        assert second.loss[0] != first.loss[0]


class TestEnd:
    @pytest.mark.parametrize(
        ("recipe", "key"), [(FAST, "alternating"), (PAPER, "halves"), (QUICK, "e+mN")], ids=name
    )
    def test_rows_become_exact_and_keep_the_vectors_that_were_scored(
        self, llama: FrozenModel, recipe: Recipe, key: ArrangementKey
    ) -> None:
        ids = EASY if key == "halves" else (17, 250, 99)
        ours = Trainer(llama, [Row(ids, 3), Row(ids, 4)], key, recipe)
        run(ours, 400)
        assert ours.finished
        for i in range(2):
            found = ours.outcome(i)
            again = score(llama, found.e, found.m, ids, key)
            assert again.exact and found.score.exact
            assert found.score.loss == again.loss
            np.testing.assert_array_equal(found.score.p, again.p)
            assert (found.reason, found.confirmed_in) == (None, "float32")
            assert 0 < found.steps < 400
            assert found.score.margin >= 0.9 * recipe.finish_margin
            assert found.row == Row(ids, 3 + i)
            assert found.e.dtype == found.m.dtype == np.float32

    def test_rows_that_are_exact_stop_while_others_go_on(self, llama: FrozenModel) -> None:
        ours = Trainer(
            llama,
            [Row(EASY, seed) for seed in range(4)] + [Row(HARD, 0)],
            "halves",
            quick(max_steps=40),
        )
        ended: dict[int, Any] = {}
        while not ours.finished:
            report = ours.step(detail=True)
            for i, phase in enumerate(report.phase):
                if phase == "done" and i not in ended:
                    ended[i] = ours.vectors_of(i).copy(), ours.outcome(i), report.steps[i]
        assert len({steps for *_, steps in ended.values()}) > 2
        assert ended[4][2] == 40
        for i, (pair, found, steps) in ended.items():
            np.testing.assert_array_equal(ours.vectors_of(i), pair)
            np.testing.assert_array_equal(np.stack([found.e, found.m]), pair)
            again = ours.outcome(i)
            assert again.score is found.score and again.seconds == found.seconds
            assert ours.report(detailed=False).steps[i] == steps == found.steps
            np.testing.assert_array_equal(report.predicted[i], found.score.predicted)
            assert report.accuracy[i] == pytest.approx(found.score.accuracy)

    def test_rows_that_are_over_cost_nothing(self, llama: FrozenModel, call_log: list[int]) -> None:
        ours = Trainer(llama, [Row(EASY, seed) for seed in range(4)], "halves", QUICK)
        run(ours)
        assert call_log[0] == 4 and call_log[-1] < 4
        call_log.clear()
        report = ours.step()
        assert call_log == []
        assert report.phase == ("done",) * 4

    def test_time_and_steps_count_until_a_rows_own_end(self, llama: FrozenModel) -> None:
        ours = Trainer(llama, [Row(EASY, 2), Row(HARD, 0)], "halves", quick(max_steps=60))
        run(ours)
        early, late = ours.outcome(0), ours.outcome(1)
        assert early.steps < late.steps == 60
        assert 0 < early.seconds < late.seconds
        assert early.seconds == pytest.approx(ours.seconds(0))
        assert late.seconds == pytest.approx(ours.seconds(1))

    def test_running_out_of_steps_is_said(self, llama: FrozenModel) -> None:
        ours = Trainer(llama, [Row(HARD, 0)], "e+mN", PAPER.model_copy(update={"max_steps": 3}))
        reports = run(ours)
        found = ours.outcome(0)
        assert found.reason == reports[-1].reason[0] == "not exact within 3 steps"
        assert found.steps == 3 and not found.score.exact
        assert reports[-1].phase == ("done",)

    def test_the_best_vectors_are_kept(self, llama: FrozenModel) -> None:
        """A rate this high throws rows about: the last vectors are not the best ones."""
        recipe = quick(lr=30, max_steps=30)
        ours = Trainer(llama, [Row(HARD, seed) for seed in range(4)], "e+mN", recipe)
        reports = run(ours)
        lost = 0
        for i in range(4):
            measured = [(float(r.accuracy[i]), -float(r.loss[i])) for r in reports]
            best = max(measured)
            lost += measured[-2] < best
            found = ours.outcome(i).score
            assert (found.accuracy, -found.loss) == pytest.approx(best, rel=1e-3)
        assert lost > 0

    def test_stopping_keeps_the_best_vectors_and_the_reason(self, llama: FrozenModel) -> None:
        ours = Trainer(llama, [Row(EASY, 2), Row(HARD, 1)], "halves", QUICK)
        reports = []
        while "done" not in (reports[-1].phase if reports else ()):
            reports.append(ours.step())
        ours.stop("stopped by hand")
        assert ours.finished
        assert [ours.outcome(i).reason for i in range(2)] == [None, "stopped by hand"]
        best = max((float(r.accuracy[1]), -float(r.loss[1])) for r in reports)
        found = ours.outcome(1)
        assert (found.score.accuracy, -found.score.loss) == pytest.approx(best, rel=1e-3)
        again = score(llama, found.e, found.m, HARD, "halves")
        assert again.loss == found.score.loss
        ours.stop("a second time")
        assert ours.outcome(1).reason == "stopped by hand"

    def test_stopping_before_the_first_step_keeps_the_start(self, llama: FrozenModel) -> None:
        ours = Trainer(llama, [Row(HARD, 1)], "e+mN", QUICK)
        start = ours.vectors_of(0).copy()
        ours.stop("stopped by hand")
        found = ours.outcome(0)
        np.testing.assert_array_equal(np.stack([found.e, found.m]), start)
        assert (found.steps, found.reason) == (0, "stopped by hand")
        assert np.isfinite(found.score.loss)

    def test_a_row_that_goes_on_can_be_looked_at(self, llama: FrozenModel) -> None:
        ours = Trainer(llama, [Row(HARD, 1)], "e+mN", QUICK)
        ours.step()
        assert ours.outcome(0).reason == "still training"
        before = ours.outcome(0)
        run(ours, 30)
        assert ours.outcome(0).steps == 31 > before.steps

    def test_a_row_that_diverges_ends_and_leaves_the_others_alone(
        self, llama: FrozenModel, poison: Callable[[tuple[int, ...], int], None]
    ) -> None:
        rows = [Row(HARD, 0), Row(HARD[::-1], 1)]
        undisturbed = trajectory(Trainer(llama, rows, "e+mN", QUICK), 1, 12)
        poison(HARD, 6)
        ours = Trainer(llama, rows, "e+mN", QUICK)
        reports = run(ours, 12)
        found = ours.outcome(0)
        assert reports[6].phase[0] == "search" and reports[7].phase[0] == "done"
        assert found.reason is not None and "not a finite number" in found.reason
        assert reports[-1].reason == (found.reason, None)
        assert np.isfinite(found.e).all() and np.isfinite(found.m).all()
        best = max((float(r.accuracy[0]), -float(r.loss[0])) for r in reports[:7])
        assert (found.score.accuracy, -found.score.loss) == pytest.approx(best, rel=1e-3)
        np.testing.assert_allclose(ours.vectors_of(1), undisturbed[-1], rtol=1e-4, atol=1e-4)

    def test_the_lead_asked_for_is_reached(self, llama: FrozenModel) -> None:
        for margin in (0.0, 0.5):
            ours = Trainer(llama, [Row(EASY, 0)], "halves", quick(finish_margin=margin))
            run(ours)
            assert ours.outcome(0).score.margin >= margin - 1e-4
            assert ours.outcome(0).score.exact
