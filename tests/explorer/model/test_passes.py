"""A pass of batches of several lengths says what a pass of each of them alone says."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from explorer.model import attention, passes
from explorer.model.frozen import FrozenModel
from explorer.model.loading import load
from explorer.model.passes import Batch
from tests.explorer.model import networks


@pytest.fixture(params=["body", "network", "logits", "neox"])
def model(request: pytest.FixtureRequest) -> FrozenModel:
    """Every way that a pass can take."""
    if request.param == "neox":
        found: FrozenModel = request.getfixturevalue("neox")
        return found
    llama: FrozenModel = request.getfixturevalue("llama")
    return {
        "body": llama,
        "network": replace(llama, body=None),
        "logits": replace(llama, body=None, head=None),
    }[request.param]


def batches(d: int) -> list[Batch]:
    """Rows, L, N, first: read from the start, late, not to the end, and one position."""
    draw = torch.Generator().manual_seed(0)
    shapes = [(2, 9, 9, 0), (3, 14, 13, 1), (1, 6, 3, 2), (2, 1, 1, 0), (1, 9, 8, 1)]
    return [
        Batch(
            torch.randn(rows, L, d, generator=draw),
            torch.randint(0, 300, (rows, N), generator=draw),
            first,
        )
        for rows, L, N, first in shapes
    ]


@pytest.mark.parametrize("block", [128, 4])
def test_company_changes_nothing(
    model: FrozenModel, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "BLOCK", block)
    several = batches(model.d_model)
    before = [batch.inputs.clone() for batch in several]
    together = passes.loss_and_gradient(model, several, detail=True)
    measured = passes.measure(model, several, detail=True)
    for batch, own, (here, gradient), plain in zip(
        several, before, together, measured, strict=True
    ):
        assert torch.equal(batch.inputs, own)
        ((alone, expected),) = passes.loss_and_gradient(model, [batch], detail=True)
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)
        assert gradient.dtype == torch.float32 and gradient.abs().max() > 1e-4
        last = batch.first + batch.targets.shape[1]
        assert not gradient[:, last:].any()  # nothing that comes later is seen
        for found in (here, plain):
            torch.testing.assert_close(found.loss, alone.loss, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(found.margin, alone.margin, rtol=1e-4, atol=1e-4)
            assert torch.equal(found.correct, alone.correct)
            assert found.rank is not None and alone.rank is not None
            assert torch.equal(found.rank, alone.rank)
            assert found.loss.shape == batch.targets.shape


def test_angles_that_depend_on_the_length_are_those_of_each_row(tmp_path: Path) -> None:
    rope = {"rope_type": "longrope", "factor": 4.0, "rope_theta": 100.0, "short_factor": [1.0, 1.0],
            "long_factor": [2.0, 5.0], "original_max_position_embeddings": 10}  # fmt: skip
    folder = networks.save(networks.network("llama", rope_parameters=rope), tmp_path)
    model = load(folder, device=torch.device("cpu"))
    assert model.body is not None
    several = batches(model.d_model)
    together = passes.loss_and_gradient(model, several)
    for batch, (found, gradient) in zip(several, together, strict=True):
        ((alone, expected),) = passes.loss_and_gradient(model, [batch])
        torch.testing.assert_close(found.loss, alone.loss, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5)


def test_only_positions_that_are_read_go_through_the_head(
    llama: FrozenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    assert llama.head is not None
    plain = llama.head.measure

    def noted(hidden: torch.Tensor, *rest: object, **named: object) -> object:
        counted.append(len(hidden))
        return plain(hidden, *rest, **named)

    monkeypatch.setattr(llama.head, "measure", noted)
    several = batches(llama.d_model)
    passes.loss_and_gradient(llama, several)
    assert counted == [sum(batch.targets.numel() for batch in several)]
