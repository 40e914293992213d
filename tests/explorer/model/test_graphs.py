"""Captured passes give what plain ones give; where there is no GPU, a capture is played."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from explorer.model import graphs
from explorer.model.frozen import FrozenModel
from explorer.model.graphs import AFTER, KEEP, Graphs, Results
from explorer.model.passes import Batch, loss_and_gradient
from explorer.runtime import interruption


def played(work: Callable[[], Results]) -> tuple[Callable[[], None], Results]:
    """Do what a GPU does: replays read and write where the captured work did."""
    results = work()

    def replay() -> None:
        for part, new in zip(results, work(), strict=True):
            for tensor, number in zip(part, new, strict=True):
                if tensor is not None and number is not None:
                    tensor.copy_(number)

    return replay, results


def batches(model: FrozenModel, seed: int, lengths: tuple[int, ...] = (5, 3)) -> list[Batch]:
    draw = torch.Generator().manual_seed(seed)
    return [
        Batch(
            torch.randn(2, N + 1, model.d_model, generator=draw),
            torch.randint(0, 300, (2, N), generator=draw),
            first=1,
        )
        for N in lengths
    ]


@pytest.mark.parametrize("detail", [False, True])
def test_captured_passes_give_what_plain_ones_give(llama: FrozenModel, detail: bool) -> None:
    captured = replace(llama, graphs=Graphs(played))
    given = [batches(llama, seed) for seed in range(AFTER + 4)]
    found = [loss_and_gradient(captured, each, detail=detail) for each in given]
    assert captured.graphs is not None and len(captured.graphs._held) == 1
    for each, ours in zip(given, found, strict=True):  # also what was found before the last replay
        for (measured, gradient), (expected, plain) in zip(
            ours, loss_and_gradient(llama, each, detail=detail), strict=True
        ):
            assert torch.equal(gradient, plain)
            for name, column in vars(expected).items():
                mine = getattr(measured, name)
                assert mine is None if column is None else torch.equal(mine, column), name


def test_only_what_comes_back_is_captured_and_the_oldest_let_go(llama: FrozenModel) -> None:
    captures = []

    def count(work: Callable[[], Results]) -> tuple[Callable[[], None], Results]:
        captures.append(1)
        return played(work)

    held = Graphs(count)
    model = replace(llama, graphs=held)
    for _ in range(AFTER):
        loss_and_gradient(model, batches(model, 0))
    assert not captures
    for N in range(1, KEEP + 3):
        for seed in range(AFTER + 3):
            loss_and_gradient(model, batches(model, seed, (N,)))
    assert len(captures) == KEEP + 2 and len(held._held) == KEEP


def test_a_pass_that_cannot_be_captured_runs_as_it_is(llama: FrozenModel) -> None:
    def refuse(work: Callable[[], Results]) -> tuple[Callable[[], None], Results]:
        raise RuntimeError("operation not permitted when stream is capturing")

    model = replace(llama, graphs=Graphs(refuse))
    for seed in range(AFTER + 3):
        given = batches(llama, seed)
        ours, plain = loss_and_gradient(model, given), loss_and_gradient(llama, given)
        assert torch.equal(ours[0][1], plain[0][1])


def test_a_capture_is_not_left_in_the_middle(llama: FrozenModel) -> None:
    """Stop waits for the few passes of a capture; half a graph would end the GPU's stream."""

    def stopped(work: Callable[[], Results]) -> tuple[Callable[[], None], Results]:
        with interruption.listening(lambda: True):
            return played(work)

    model = replace(llama, graphs=Graphs(stopped))
    with interruption.abandonable():
        for seed in range(AFTER + 2):
            loss_and_gradient(model, batches(llama, seed))
    assert model.graphs is not None and len(model.graphs._held) == 1


def test_the_switch_is_for_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda:0")
    assert not graphs.switched_on(graphs.SWITCH, cuda)
    monkeypatch.setenv(graphs.SWITCH, "1")
    assert graphs.switched_on(graphs.SWITCH, cuda)
    assert not graphs.switched_on(graphs.SWITCH, cpu)
    monkeypatch.setenv(graphs.SWITCH, "0")
    assert not graphs.switched_on(graphs.SWITCH, cuda)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU on this machine")
def test_a_gpu_captures_passes(tiny_llama_folder: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    from explorer.model.loading import load

    monkeypatch.setenv(graphs.SWITCH, "1")
    model = load(Path(str(tiny_llama_folder)), device=torch.device("cuda:0"))
    plain = replace(model, graphs=None)
    for seed in range(AFTER + 3):
        given = [Batch(b.inputs.cuda(), b.targets.cuda(), 1) for b in batches(model, seed)]
        ours, theirs = loss_and_gradient(model, given), loss_and_gradient(plain, given)
        for (measured, gradient), (expected, by_plain) in zip(ours, theirs, strict=True):
            torch.testing.assert_close(gradient, by_plain)
            torch.testing.assert_close(measured.loss, expected.loss)
    assert model.graphs is not None and len(model.graphs._held) == 1
