from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from explorer.base.errors import BadInputError
from explorer.model.metrics import score
from explorer.paths.curves import positions
from explorer.paths.pairs import vector
from explorer.specs.curves import PathRecipe
from explorer.specs.recipes import FAST
from explorer.tasks.paths.bends import Curves, CurveTrainer, along
from explorer.training import Row, Trainer
from explorer.training.layouts import OnePass
from explorer.training.shared_pass import Step, take_together
from tests.explorer.model.networks import loss_and_gradient

if TYPE_CHECKING:
    from explorer.model.frozen import FrozenModel
    from explorer.solutions.solution import Solution

QUICK_TEXT = FAST.model_copy(update={"max_steps": 40, "precision": "float32"})
QUICK = PathRecipe(max_steps=60, samples=3, points=11, look_every=10, precision="float32")


def _trainer(
    model: "FrozenModel", a: "Solution", b: "Solution", kind: str = "bezier", **changes: object
) -> CurveTrainer:
    return CurveTrainer(
        kind,  # type: ignore[arg-type]
        np.stack([vector(a), vector(b)]),
        a.target_ids.tolist(),
        QUICK.model_copy(update=changes),
        unit=model.embedding_std,
        device=model.device,
    )


def test_points_are_measured_as_the_score_measures_a_solution(
    llama: "FrozenModel", exact_solutions: "list[Solution]"
) -> None:
    """The batched pass says of every row what the plain model says of it alone."""
    a, b, _, *_ = exact_solutions
    points = positions("line", np.stack([vector(a), vector(b)]), np.linspace(0, 1, 9))
    found = along(llama, points, torch.from_numpy(a.target_ids), "e+mN")
    for row, point in enumerate(points.astype(np.float32)):
        alone = score(llama, point[:32], point[32:], a.target_ids.tolist(), "e+mN")
        assert found.loss[row].mean().item() == pytest.approx(alone.loss, rel=1e-4, abs=1e-5)
        assert np.array_equal(found.predicted[row].numpy(), alone.predicted)  # type: ignore[index]
        assert found.correct[row].float().mean().item() == pytest.approx(alone.accuracy)


def test_many_points_of_a_long_text_are_measured_in_several_passes(
    llama: "FrozenModel", exact_solutions: "list[Solution]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two thousand points of 256 tokens would take 24 GB at one time in the embedded model."""
    a, b = exact_solutions[:2]
    points = positions("line", np.stack([vector(a), vector(b)]), np.linspace(0, 1, 9))
    whole = along(llama, points, torch.from_numpy(a.target_ids), "e+mN")
    sizes: list[int] = []
    measure = type(llama).measure
    monkeypatch.setattr(
        type(llama),
        "measure",
        lambda model, inputs, *rest, **how: (
            sizes.append(len(inputs)),
            measure(model, inputs, *rest, **how),
        )[1],
    )
    monkeypatch.setattr("explorer.tasks.paths.bends.MOST_POSITIONS", 19)
    parts = along(llama, points, torch.from_numpy(a.target_ids), "e+mN")
    assert sizes == [4, 4, 1]
    torch.testing.assert_close(vars(parts), vars(whole))


@pytest.mark.parametrize("model", ["llama", "neox"])
def test_measuring_equals_the_training_pass(model: str, request: pytest.FixtureRequest) -> None:
    frozen: FrozenModel = request.getfixturevalue(model)
    inputs = torch.randn(4, 6, 32, generator=torch.Generator().manual_seed(1))
    targets = torch.arange(20).view(4, 5)
    plain = frozen.measure(inputs, targets, 1, detail=True)
    trained, _ = loss_and_gradient(frozen, inputs, targets, 1, detail=True)
    for name in ("loss", "margin", "p"):
        torch.testing.assert_close(getattr(plain, name), getattr(trained, name))
    for name in ("correct", "predicted", "rank"):
        assert torch.equal(getattr(plain, name), getattr(trained, name))


def step_together(model: "FrozenModel", arrangement: Any, trainers: list[CurveTrainer]) -> None:
    curves = Curves(model, OnePass(arrangement), len(trainers[0].targets))
    curves.moving = trainers
    Step(curves).take()


@pytest.mark.parametrize("worst", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("kind", ["bezier", "two-bends"])
def test_the_gradient_by_the_bends_is_that_of_autograd(
    llama: "FrozenModel", exact_solutions: "list[Solution]", kind: str, worst: float
) -> None:
    """It is that of the sum of powers of the losses, as long as their own sum of powers."""
    a, b = exact_solutions[:2]
    trainer = _trainer(llama, a, b, kind, worst=worst)
    w, _ = trainer.rows()
    before = torch.from_numpy(trainer.bends).requires_grad_()
    ends = torch.from_numpy(trainer.ends)
    points = w @ torch.cat([ends[:1], before, ends[1:]])
    sequence = torch.cat([points[:, None, :32], points[:, None, 32:].expand(-1, 3, -1)], 1)
    logits = llama.network(inputs_embeds=sequence).logits[:, 1:]
    targets = trainer.targets.expand(3, -1)
    loss = torch.nn.functional.cross_entropy(logits.mT, targets, reduction="none").mean(1)
    power = (loss ** (worst + 1)).sum() / (worst + 1)
    (power / (loss.detach() ** worst).sum()).backward()
    step_together(llama, "e+mN", [trainer])
    gradient = trainer._bends.grad
    assert gradient is not None and before.grad is not None
    torch.testing.assert_close(gradient, before.grad, rtol=1e-3, atol=1e-5)


def test_pairs_in_one_batch_do_not_see_each_other(
    llama: "FrozenModel", exact_solutions: "list[Solution]"
) -> None:
    a, b, c, x, y = exact_solutions
    together = [_trainer(llama, a, b), _trainer(llama, x, y), _trainer(llama, b, c, "two-bends")]
    alone = _trainer(llama, x, y)
    for _ in range(5):
        step_together(llama, "e+mN", together)
        step_together(llama, "e+mN", [alone])
    np.testing.assert_allclose(together[1].bends, alone.bends, atol=1e-5)


def test_curves_move_as_alone_in_passes_that_rows_of_texts_share(
    llama: "FrozenModel", exact_solutions: "list[Solution]"
) -> None:
    a, b, _, x, y = exact_solutions
    curves = Curves(llama, OnePass("e+mN"), len(a.target_ids))
    curves.moving = [_trainer(llama, a, b), _trainer(llama, x, y)]
    alone = [_trainer(llama, a, b), _trainer(llama, x, y)]
    rows = [Row((7, 3, 250, 31, 5), seed) for seed in (0, 1)]
    among, apart = (Trainer(llama, rows, "halves", QUICK_TEXT) for _ in range(2))
    for _ in range(5):
        steps: list[Step[Any]] = [Step(curves), Step(among)]
        take_together(steps)
        step_together(llama, "e+mN", alone)
        apart.step()
        assert all(step.share > 0 for step in steps)
    for mine, other in zip(curves.moving, alone, strict=True):
        assert mine.steps == 5
        np.testing.assert_allclose(mine.bends, other.bends, atol=1e-5)
    np.testing.assert_allclose(among.vectors_of(0), apart.vectors_of(0), rtol=2e-3, atol=2e-3)


def test_training_lowers_the_loss_along_the_curve_and_leaves_the_ends(
    llama: "FrozenModel", exact_solutions: "list[Solution]"
) -> None:
    a, b = exact_solutions[:2]
    trainer = _trainer(llama, a, b)
    t = np.linspace(0, 1, 31)

    def loss() -> float:
        points = positions("bezier", trainer.points, t)
        return float(along(llama, points, trainer.targets, "e+mN").loss.mean())

    before = loss()
    for _ in range(120):
        step_together(llama, "e+mN", [trainer])
    assert loss() < 0.7 * before
    assert np.array_equal(trainer.points[[0, -1]], np.stack([vector(a), vector(b)]))


def test_the_worst_point_of_a_step_counts_most(
    llama: "FrozenModel", exact_solutions: "list[Solution]"
) -> None:
    """Many good points do not outvote a bad one, as they do where all count alike."""
    alike, by_loss = (_trainer(llama, *exact_solutions[:2], worst=q) for q in (0.0, 2.0))
    chord = alike.bends
    w, points = alike.rows()
    gradient = torch.zeros_like(points)
    gradient[0], gradient[1:] = 1.0, -1.0
    for trainer in (alike, by_loss):
        trainer.update(w[1].expand(3, -1), gradient, torch.tensor([5.0, 0.1, 0.1]))
    assert (alike.bends > chord).all()
    assert (by_loss.bends < chord).all()


@pytest.mark.parametrize("loss", [[1e-4, 2e-4, 1e-4], [300.0, 500.0, 300.0]])
def test_losses_weigh_the_points_however_small_or_large_they_are(
    llama: "FrozenModel", exact_solutions: "list[Solution]", loss: list[float]
) -> None:
    trainer = _trainer(llama, *exact_solutions[:2], worst=16.0)
    w, points = trainer.rows()
    trainer.update(w, torch.ones_like(points), torch.tensor(loss))
    gradient = trainer._bends.grad
    assert gradient is not None
    torch.testing.assert_close(gradient, w[1, 1:-1, None].expand_as(gradient), rtol=0.01, atol=0)
    assert np.isfinite(trainer.bends).all()


def test_drawn_t_are_uniform_and_one_from_each_part(
    llama: "FrozenModel", exact_solutions: "list[Solution]"
) -> None:
    """On a line of unit weights t can be read off the weights: w0 - w2 = 1 - 2t."""
    trainer = _trainer(llama, *exact_solutions[:2], samples=4)
    drawn = []
    for step in range(500):
        trainer.taken = step
        w, _ = trainer.rows()
        drawn.append(((1 - (w[:, 0] - w[:, 2])) / 2).numpy())
    t = np.stack(drawn)
    assert (np.floor(t * 4) == np.arange(4)).all()
    within = (t * 4 % 1).ravel()
    assert abs(within.mean() - 0.5) < 0.03 and abs(within.std() - 12**-0.5) < 0.02


def test_a_trainer_goes_on_from_its_state_as_if_never_interrupted(
    llama: "FrozenModel", exact_solutions: "list[Solution]"
) -> None:
    straight, first = (_trainer(llama, *exact_solutions[:2]) for _ in range(2))
    for _ in range(4):
        step_together(llama, "e+mN", [straight])
        step_together(llama, "e+mN", [first])
    second = _trainer(llama, *exact_solutions[:2])
    second.restore(first.state())
    for _ in range(4):
        step_together(llama, "e+mN", [straight])
        step_together(llama, "e+mN", [second])
    assert second.steps == 8
    assert np.array_equal(straight.bends, second.bends)
    with pytest.raises(ValueError, match="another curve"):
        _trainer(llama, *exact_solutions[:2], "two-bends").restore(first.state())


def test_points_that_do_not_fit_come_again_fewer_at_a_time(
    llama: "FrozenModel", exact_solutions: "list[Solution]", monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, sizes = _trainer(llama, *exact_solutions[:2]), list[int]()
    points = positions("line", trainer.ends, np.linspace(0, 1, 9))
    expected = along(llama, points, trainer.targets, "e+mN")
    measure, most = type(llama).measure, 2

    def small(model: object, inputs: torch.Tensor, *rest: Any, **how: Any) -> Any:
        if len(inputs) > most:
            raise torch.OutOfMemoryError("out of memory")
        sizes.append(len(inputs))
        return measure(model, inputs, *rest, **how)

    monkeypatch.setattr(type(llama), "measure", small)
    found = along(llama, points, trainer.targets, "e+mN")
    assert sum(sizes) == 9 and max(sizes) <= 2
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-4, atol=1e-5)
    most = 0
    with pytest.raises(BadInputError, match="does not fit into memory"):
        along(llama, points, trainer.targets, "e+mN")
