from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from explorer.model.frozen import FrozenModel
from explorer.model.loading import load
from explorer.model.metrics import score
from explorer.training import Row, Trainer
from explorer.training.layouts import OnePass
from tests.explorer.training.cases import EASY, HARD, QUICK, quick, run


def scored_by(monkeypatch: pytest.MonkeyPatch) -> list[list[bytes]]:
    """Return a list that gets the vectors of every pass that scores some."""
    scored: list[list[bytes]] = []
    measure = OnePass.scores

    def counted(self: OnePass, model: FrozenModel, vectors: Tensor, targets: Tensor) -> Any:
        scored.append([one.numpy().tobytes() for one in vectors])
        return measure(self, model, vectors, targets)

    monkeypatch.setattr(OnePass, "scores", counted)
    return scored


class TestFinish:
    def test_a_search_in_bfloat16_ends_exact_in_float32(
        self, llama: FrozenModel, fast_llama: FrozenModel
    ) -> None:
        loads = []

        def exact_model() -> FrozenModel:
            loads.append(1)
            return llama

        rows = [Row((17, 250, 99, 5), seed) for seed in range(6)]
        ours = Trainer(fast_llama, rows, "alternating", QUICK, exact_model=exact_model)
        right_in_bfloat16 = False
        while not ours.finished:
            ours.step()
            phases = ours.report(detailed=False).phase
            right_in_bfloat16 |= any(phase != "search" for phase in phases)
            assert loads == ([1] if right_in_bfloat16 else [])
        for i in range(6):
            found = ours.outcome(i)
            again = score(llama, found.e, found.m, found.row.target_ids, "alternating")
            assert again.exact and found.score.exact
            assert found.score.loss == again.loss
            assert (found.reason, found.confirmed_in) == (None, "float32")
            assert found.e.dtype == np.float32

    def test_what_float32_confirms_at_once_takes_no_step_more(self, llama: FrozenModel) -> None:
        ours = Trainer(llama, [Row(EASY, 2)], "halves", QUICK, exact_model=lambda: llama)
        reports = run(ours)
        assert ours.outcome(0).score.exact
        assert {phase for report in reports for phase in report.phase} == {"search", "done"}
        assert ours.outcome(0).steps == len(reports) - 1  # the last one measured, and did not move

    def test_a_lead_too_small_for_another_machine_takes_more_steps(
        self, llama: FrozenModel
    ) -> None:
        recipe = quick(finish_margin=0.5, finish_lr=0.3)
        ours = Trainer(llama, [Row(EASY, 2)], "halves", recipe, exact_model=lambda: llama)
        assert "finish" in {phase for report in run(ours) for phase in report.phase}
        assert ours.outcome(0).score.margin >= 0.5

    def test_vectors_that_stay_are_scored_once(
        self, llama: FrozenModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scored = scored_by(monkeypatch)
        rows = [Row(EASY, seed) for seed in range(4)]
        ours = Trainer(llama, rows, "halves", QUICK, exact_model=lambda: llama)
        run(ours)
        once = [vectors for some in scored for vectors in some]
        assert len(once) == len(set(once)) == 4
        ours.restore(*ours.checkpoint())
        assert sum(map(len, scored)) == 4

    def test_restarts_that_end_together_are_scored_in_one_pass_as_each_would_be_alone(
        self, llama: FrozenModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scored = scored_by(monkeypatch)
        rows = [Row(HARD, seed) for seed in range(4)] + [Row(EASY, 0)]
        ours = Trainer(llama, rows, "e+mN", quick(max_steps=4), exact_model=lambda: llama)
        run(ours)
        assert sorted(map(len, scored)) == [1, 4], "one pass for each length"
        for i, row in enumerate(rows):
            found = ours.outcome(i)
            alone = score(llama, found.e, found.m, row.target_ids, "e+mN")
            assert found.score.loss == pytest.approx(alone.loss, rel=1e-5)
            np.testing.assert_allclose(found.score.p, alone.p, rtol=1e-4)
            np.testing.assert_array_equal(found.score.rank, alone.rank)

    def test_without_float32_the_result_says_so(self, fast_llama: FrozenModel) -> None:
        ours = Trainer(fast_llama, [Row(EASY, 2)], "halves", QUICK)
        run(ours)
        found = ours.outcome(0)
        assert found.confirmed_in == "bfloat16"
        assert found.score.exact
        assert score(fast_llama, found.e, found.m, EASY, "halves").exact

    def test_float32_is_what_a_row_without_an_end_is_scored_in(
        self, llama: FrozenModel, fast_llama: FrozenModel
    ) -> None:
        ours = Trainer(
            fast_llama, [Row(HARD, 0)], "e+mN", quick(max_steps=4), exact_model=lambda: llama
        )
        run(ours)
        found = ours.outcome(0)
        assert found.confirmed_in == "float32"
        assert found.score.loss == score(llama, found.e, found.m, HARD, "e+mN").loss

    def test_the_last_steps_are_judged_by_their_own_measure(
        self, llama: FrozenModel, shifted: FrozenModel
    ) -> None:
        """What was exact in the fast format must not outrank what float32 measured since."""
        rows = [Row((17, 250, 99, 5), seed) for seed in range(4)]
        recipe = quick(finish_lr=0.3, finish_margin=10.0)
        ours = Trainer(llama, rows, "alternating", recipe, exact_model=lambda: shifted)
        measured: dict[int, list[tuple[float, float]]] = {i: [] for i in range(4)}
        before: tuple[str, ...] = ("search",) * 4
        for _ in range(120):
            report = ours.step()
            for i in range(4):
                if before[i] == "finish":
                    measured[i].append((float(report.accuracy[i]), -float(report.loss[i])))
            before = report.phase
        ours.stop("stopped by hand")
        assert any(len(m) > 5 and max(m) > (m[0][0], 0.5 * m[0][1]) for m in measured.values())
        for i in range(4):
            if measured[i]:
                found = ours.outcome(i).score
                best = max(measured[i])
                assert (found.accuracy, -found.loss) == pytest.approx(best, rel=1e-3)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
class TestCuda:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
    def test_a_tiny_model_is_trained_on_cuda(
        self, tiny_llama_folder: Path, llama: FrozenModel, dtype: torch.dtype
    ) -> None:
        cuda = torch.device("cuda")
        exact = load(tiny_llama_folder, device=cuda)
        model = (
            exact if dtype == torch.float32 else load(tiny_llama_folder, dtype=dtype, device=cuda)
        )
        rows = [Row(EASY, seed) for seed in range(3)]
        ours = Trainer(model, rows, "halves", QUICK, exact_model=lambda: exact)
        start = Trainer(llama, rows, "halves", QUICK)
        for i in range(3):
            np.testing.assert_allclose(ours.vectors_of(i), start.vectors_of(i), rtol=1e-5)
        run(ours, 5)
        resumed = Trainer(model, rows, "halves", QUICK, exact_model=lambda: exact)
        resumed.restore(*ours.checkpoint())
        for each in (ours, resumed):
            run(each)
            for i in range(3):
                found = each.outcome(i)
                assert found.score.exact
                on_cpu = score(llama, found.e, found.m, EASY, "halves")
                assert on_cpu.loss == pytest.approx(found.score.loss, rel=0.05, abs=0.02)
