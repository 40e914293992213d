import math
from types import SimpleNamespace

import psutil
import pytest
import torch

from explorer.model.frozen import FrozenModel, is_out_of_memory
from explorer.training.memory import (
    POSITIONS,
    rows_of_next_pass,
    rows_that_fit,
)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Memory that is free, in bytes, as psutil would say."""
    memory = SimpleNamespace(available=10**9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    return memory


def test_more_rows_fit_when_they_are_shorter_or_memory_is_larger(
    llama: FrozenModel, free: SimpleNamespace
) -> None:
    rows = rows_that_fit(llama, 100)
    assert rows > 1
    assert rows_that_fit(llama, 10) == pytest.approx(10 * rows, rel=0.1)
    free.available *= 3
    assert rows_that_fit(llama, 100) == pytest.approx(3 * rows, rel=0.1)


def test_one_row_is_always_tried(llama: FrozenModel, free: SimpleNamespace) -> None:
    free.available = 0
    assert rows_that_fit(llama, 100) == 1


def test_the_estimate_is_above_what_a_row_must_keep(
    llama: FrozenModel, neox: FrozenModel, free: SimpleNamespace
) -> None:
    for model in (llama, neox):
        kept: list[int] = []

        def note(tensor: torch.Tensor, kept: list[int] = kept) -> torch.Tensor:
            kept.append(tensor.nbytes)
            return tensor

        inputs = torch.randn(1, 100, model.d_model).requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            model.hidden(inputs)
        weights = sum(p.nbytes for p in model.network.parameters())
        assert rows_that_fit(model, 100) * (sum(kept) - weights) < free.available


@pytest.mark.parametrize("fit", [1, 3, 1000])
@pytest.mark.parametrize("length", [1, 24, 512, 10**6])
@pytest.mark.parametrize("rows", [1, 5, 20, 64])
def test_passes_are_even_and_neither_memory_nor_processor_is_overcharged(
    rows: int, length: int, fit: int
) -> None:
    sizes = []
    while left := rows - sum(sizes):
        sizes.append(rows_of_next_pass(torch.device("cpu"), [(length, fit)] * left))
    most = min(fit, max(1, POSITIONS // length))
    assert sum(sizes) == rows and max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == math.ceil(rows / most)


def test_a_gpu_takes_all_that_fits() -> None:
    assert rows_of_next_pass(torch.device("cuda"), [(512, 1000)] * 64) == 64
    assert rows_of_next_pass(torch.device("cuda"), [(512, 40)] * 64) == 32


def test_rows_of_several_lengths_fill_a_pass_together() -> None:
    """Memory that holds one long row or a thousand short ones holds half of each."""
    long, short = (512, 2), (24, 1000)
    assert rows_of_next_pass(torch.device("cuda"), [long] + [short] * 400) == 401
    assert rows_of_next_pass(torch.device("cuda"), [long] + [short] * 900) == 451
    assert rows_of_next_pass(torch.device("cpu"), [long] + [short] * 20) == 21
    assert rows_of_next_pass(torch.device("cpu"), [(512, 9)] * 2 + [short] * 40) == 11


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate "
            "memory: you tried to allocate 8 bytes. Error code 12"
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    ids=["cuda", "mps", "linux", "windows", "cublas"],
)
def test_failed_allocations_are_recognised(error: RuntimeError) -> None:
    assert is_out_of_memory(error)


def test_a_real_failed_allocation_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50, dtype=torch.uint8).fill_(1)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "text", ["", "mat1 and mat2 shapes cannot be multiplied", "index out of bounds"]
)
def test_other_errors_are_not_taken_for_it(text: str) -> None:
    assert not is_out_of_memory(RuntimeError(text))
