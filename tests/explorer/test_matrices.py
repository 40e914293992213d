"""Products with a frozen matrix: exact there; in int8 on the way back, with a known error."""

import pytest
import torch

from explorer import matrices
from explorer.matrices import Int8BackMatrix, Matrix
from explorer.models import FrozenModel

CPU, F32 = torch.device("cpu"), torch.float32


@pytest.fixture
def weight() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(70, 33)


@pytest.mark.parametrize("held_in", [torch.float32, torch.bfloat16])
def test_a_product_and_its_gradient_are_autograds(
    weight: torch.Tensor, held_in: torch.dtype
) -> None:
    matrix = Matrix(weight.to(held_in))
    x = torch.randn(5, 33, requires_grad=True)
    expected = x @ weight.to(held_in).float().T
    direction = torch.randn_like(expected)
    (by_x,) = torch.autograd.grad(expected, x, direction)
    torch.testing.assert_close(matrix.there(x.detach(), F32), expected.detach())
    torch.testing.assert_close(matrix.back(direction, F32), by_x)


def test_the_way_there_is_not_rounded(weight: torch.Tensor) -> None:
    x = torch.randn(5, 33)
    plain, quick = (kind(weight).there(x, F32) for kind in (Matrix, Int8BackMatrix))
    assert torch.equal(plain, quick)


@pytest.mark.parametrize("size", [1e-20, 1.0, 1e20])
def test_the_way_back_is_off_by_no_more_than_its_rounding(
    weight: torch.Tensor, size: float
) -> None:
    gradient = torch.randn(9, 70) * size * 10 ** torch.randn(9, 1)
    plain, quick = (kind(weight).back(gradient, F32) for kind in (Matrix, Int8BackMatrix))
    error = (quick - plain).abs()
    of_weights = weight.abs().amax(0) / 254
    of_gradient = gradient.abs().amax(1, keepdim=True) / 254
    bound = (
        gradient.abs().sum(1, keepdim=True) * of_weights
        + of_gradient * weight.abs().sum(0)
        + 70 * of_gradient * of_weights
    )
    assert (error <= 1.01 * bound).all()
    assert error.max() > 0


def test_positions_do_not_influence_each_other(weight: torch.Tensor) -> None:
    matrix, gradient = Int8BackMatrix(weight), torch.randn(9, 70)
    gradient[4] *= 1e6
    together = matrix.back(gradient, F32)
    for i in range(9):
        assert torch.equal(matrix.back(gradient[i : i + 1], F32)[0], together[i])


def test_zeros_stay_zeros_and_what_is_not_a_number_stays_where_it_is(weight: torch.Tensor) -> None:
    weight[:, 2] = 0
    gradient = torch.randn(3, 70)
    gradient[0], gradient[1, 3] = 0, torch.nan
    back = Int8BackMatrix(weight).back(gradient, F32)
    assert back[0].count_nonzero() == 0 and back[2, 2] == 0
    assert back[1].isnan().all() and back[2].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_way_back_is_in_float32_whatever_the_gradient_is_in(
    weight: torch.Tensor, dtype: torch.dtype
) -> None:
    back = Int8BackMatrix(weight).back(torch.randn(2, 70, dtype=dtype), dtype)
    assert back.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_plain_product_is_in_the_format_asked_for(
    weight: torch.Tensor, dtype: torch.dtype
) -> None:
    matrix = Matrix(weight)
    assert matrix.there(torch.randn(2, 33), dtype).dtype == dtype
    assert matrix.back(torch.randn(2, 70), dtype).dtype == dtype


def test_a_model_measures_the_same_and_its_gradient_points_the_same_way(
    llama: FrozenModel,
) -> None:
    quick = llama.with_int8_gradient
    assert quick is not None and quick is llama.with_int8_gradient and quick.int8_gradient
    assert quick.format_in_words == "float32 with its gradient in int8"
    inputs, targets = torch.randn(3, 7, llama.d_model), torch.randint(0, 50, (3, 6))
    measured, exact = llama.loss_and_gradient(inputs, targets, 1)
    same, about = quick.loss_and_gradient(inputs, targets, 1)
    assert torch.equal(measured.loss, same.loss) and torch.equal(measured.margin, same.margin)
    assert not torch.equal(exact, about)
    assert torch.cosine_similarity(exact.flatten(1), about.flatten(1)).min() > 0.99


def test_rows_are_independent_in_int8_too(llama: FrozenModel) -> None:
    quick = llama.with_int8_gradient
    assert quick is not None
    inputs, targets = torch.randn(3, 7, llama.d_model), torch.randint(0, 50, (3, 6))
    _, together = quick.loss_and_gradient(inputs, targets, 1)
    for i in range(3):
        _, alone = quick.loss_and_gradient(inputs[i : i + 1], targets[i : i + 1], 1)
        torch.testing.assert_close(alone[0], together[i], rtol=0.02, atol=1e-3)


def test_other_models_have_no_gradient_in_int8(neox: FrozenModel) -> None:
    assert neox.with_int8_gradient is None


@pytest.mark.parametrize(
    ("plain", "quick", "pays"), [(3, 2, True), (3, 2.5, False), (1, 99, False)]
)
def test_int8_pays_where_it_is_clearly_faster(
    plain: float, quick: float, pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed: list[Matrix] = []

    def seconds(matrix: Matrix, gradient: torch.Tensor) -> float:
        timed.append(matrix)
        busy = 5 if len(timed) < 3 else 1  # the first turn of each
        return busy * (quick if isinstance(matrix, Int8BackMatrix) else plain)

    monkeypatch.setattr(matrices, "_seconds", seconds)
    assert matrices.int8_pays(CPU, torch.float32) is pays
    assert len(timed) == (2 if quick > 10 * plain else 2 + 2 * matrices.TURNS)
    assert not matrices.int8_pays(torch.device("cuda"), torch.float32)


def test_a_torch_without_the_product_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch, "_int_mm")
    assert not matrices.int8_pays(CPU, torch.float32)
