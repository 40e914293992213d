from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from explorer.assets import catalog, memory
from explorer.base.errors import ModelError
from explorer.model import pool, probes
from explorer.model.frozen import FrozenModel
from explorer.model.pool import ModelPool
from tests.explorer.model.networks import loss_and_gradient, network, save

CPU = torch.device("cpu")
F32, BF16 = torch.float32, torch.bfloat16


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, torch.dtype]]:
    """What was loaded, in order."""
    calls: list[tuple[str, torch.dtype]] = []
    plain = pool.load

    def noted(folder: Path, name: str, *, dtype: torch.dtype, **options: Any) -> FrozenModel:
        model = plain(folder, name, dtype=dtype, **options)
        calls.append((name, dtype))
        return model

    monkeypatch.setattr(pool, "load", noted)
    return calls


@pytest.fixture
def room_for(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModelPool, int], None]:
    """Pretend that memory holds so many models and no more."""

    def limit(models: ModelPool, count: int) -> None:
        def lacking(card: catalog.ModelCard, bytes_per_parameter: int) -> str:
            return "" if len(models._held) < count else f"{card.title} needs about too much."

        monkeypatch.setattr(memory, "_lacking", lacking)

    return limit


def test_a_model_is_loaded_once_and_shared(
    tiny_llama_folder: Path, loads: list[tuple[str, torch.dtype]]
) -> None:
    models = ModelPool(CPU)
    first = models.get(tiny_llama_folder, "a", F32)
    again = models.get(tiny_llama_folder.parent / "." / tiny_llama_folder.name, "a", F32)
    assert first is again
    assert loads == [("a", F32)]
    assert first.device == CPU


def test_number_formats_are_held_apart(
    tiny_llama_folder: Path, loads: list[tuple[str, torch.dtype]]
) -> None:
    models = ModelPool(CPU)
    assert not models.holds(tiny_llama_folder, F32)
    models.get(tiny_llama_folder, "a", BF16)
    assert models.holds(tiny_llama_folder, BF16)
    assert not models.holds(tiny_llama_folder, F32)
    assert models.get(tiny_llama_folder, "a", F32).dtype == F32
    assert loads == [("a", BF16), ("a", F32)]


def test_the_least_recently_used_goes_first(
    tiny_llama_folder: Path, tiny_neox_folder: Path, loads: list[tuple[str, torch.dtype]]
) -> None:
    models = ModelPool(CPU, keep=2)
    models.get(tiny_llama_folder, "a", F32)
    models.get(tiny_neox_folder, "b", F32)
    models.get(tiny_llama_folder, "a", F32)
    models.get(tiny_llama_folder, "a", BF16)
    assert models.holds(tiny_llama_folder, F32) and models.holds(tiny_llama_folder, BF16)
    assert not models.holds(tiny_neox_folder, F32)
    assert len(loads) == 3


def test_weights_that_are_used_in_another_format_are_used(
    tmp_path: Path, tiny_llama_folder: Path, tiny_neox_folder: Path
) -> None:
    folder = save(network("llama").to(BF16), tmp_path)
    models = ModelPool(CPU, keep=2)
    models.get(folder, "a", BF16)
    models.get(tiny_neox_folder, "b", F32)
    assert models.get(folder, "a", F32).body is not None  # no copy: the held weights, cast in use
    assert not models.holds(folder, F32)
    models.get(tiny_llama_folder, "c", F32)
    assert models.holds(folder, BF16) and not models.holds(tiny_neox_folder, F32)


def test_models_are_let_go_when_memory_is_short(
    tiny_llama_folder: Path, tiny_neox_folder: Path, room_for: Callable[[ModelPool, int], None]
) -> None:
    models = ModelPool(CPU)
    room_for(models, 1)
    models.get(tiny_llama_folder, "a", F32)
    models.get(tiny_neox_folder, "b", F32)
    assert models.holds(tiny_neox_folder, F32)
    assert not models.holds(tiny_llama_folder, F32)


def test_a_model_that_never_fits_is_said(
    tiny_llama_folder: Path, room_for: Callable[[ModelPool, int], None]
) -> None:
    models = ModelPool(CPU)
    room_for(models, 0)
    with pytest.raises(ModelError, match="needs about"):
        models.get(tiny_llama_folder, "a", F32)


def test_models_are_let_go_when_the_memory_of_a_gpu_is_short(
    tiny_llama_folder: Path, tiny_neox_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the machine has free says nothing of its GPU's: an allocation that failed there does."""
    models = ModelPool(CPU)
    models.get(tiny_llama_folder, "a", F32)
    plain = pool.load

    def load(folder: Path, *given: Any, **named: Any) -> FrozenModel:
        if models.holds(tiny_llama_folder, F32):
            with probes.said(folder, "cannot be loaded"):
                raise torch.OutOfMemoryError("CUDA out of memory.")
        return plain(folder, *given, **named)

    monkeypatch.setattr(pool, "load", load)
    models.get(tiny_neox_folder, "b", F32)
    assert models.holds(tiny_neox_folder, F32) and not models.holds(tiny_llama_folder, F32)


def test_a_model_that_is_computed_on_is_not_loaded_a_second_time(
    tiny_llama_folder: Path, tiny_neox_folder: Path, loads: list[tuple[str, torch.dtype]]
) -> None:
    models = ModelPool(CPU, keep=1)
    in_use = models.get(tiny_llama_folder, "a", F32)
    models.get(tiny_neox_folder, "b", F32)
    assert not models.holds(tiny_llama_folder, F32)
    assert models.get(tiny_llama_folder, "a", F32) is in_use and len(loads) == 2
    assert models.get(tiny_neox_folder, "b", F32) is not in_use and len(loads) == 3


def test_room_that_is_taken_meanwhile_lets_results_be_confirmed_in_what_they_were_found_in(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = ModelPool(CPU, fast=BF16)
    fast = models.searching(tiny_llama_folder, "a")
    needed = models.in_float32(tiny_llama_folder, "a")
    assert needed is not None
    with monkeypatch.context() as full:
        full.setattr(pool, "load", _no_room)
        assert needed() is fast
    assert needed().dtype == F32


def test_no_room_after_the_weights_are_loaded_is_a_sentence_too(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "load", _no_room)
    with pytest.raises(ModelError, match="no room in memory for a now"):
        ModelPool(CPU).get(tiny_llama_folder, "a", F32)


def _no_room(*_: object, **__: object) -> FrozenModel:
    raise torch.OutOfMemoryError("CUDA out of memory.")


def test_float32_is_asked_of_the_gpu_that_would_hold_it(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = ModelPool(torch.device("cuda"))
    needed = 4 * (catalog.check(tiny_llama_folder).parameters or 0)
    for free, fits in ((needed, True), (needed - 1, False)):
        monkeypatch.setattr(pool, "memory_free", lambda _, free=free: free)
        assert models.can_confirm(tiny_llama_folder) is fits


def test_a_broken_model_costs_the_others_nothing(
    tiny_llama_folder: Path, tiny_neox_folder: Path, copied_folder: Callable[[Path], Path]
) -> None:
    models = ModelPool(CPU)
    kept = models.get(tiny_llama_folder, "a", F32)
    broken = copied_folder(tiny_neox_folder)
    (broken / "config.json").write_text("{")
    with pytest.raises(ModelError):
        models.get(broken, "b", F32)
    assert models.get(tiny_llama_folder, "a", F32) is kept


def test_results_can_be_confirmed_where_float32_fits(
    tiny_llama_folder: Path, room_for: Callable[[ModelPool, int], None]
) -> None:
    models = ModelPool(CPU)
    assert models.can_confirm(tiny_llama_folder)
    room_for(models, 1)
    models.get(tiny_llama_folder, "a", BF16)
    assert not models.can_confirm(tiny_llama_folder)
    room_for(models, 2)
    models.get(tiny_llama_folder, "a", F32)
    room_for(models, 0)
    assert models.can_confirm(tiny_llama_folder)


@pytest.mark.parametrize("pays", [True, False])
def test_a_search_runs_in_one_format_and_the_model_names_it(
    pays: bool, tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timed product decides between two formats, and nothing else is timed."""
    monkeypatch.setattr("explorer.model.frozen.bfloat16_pays", lambda device: pays)
    models = ModelPool(CPU)
    found = models.searching(tiny_llama_folder, "a")
    assert found is models.get(tiny_llama_folder, "a", BF16 if pays else F32)
    assert found.number_format == ("bfloat16" if pays else "float32")
    assert models.searching(tiny_llama_folder, "a", "float32").number_format == "float32"
    inputs, targets = torch.randn(2, 5, found.d_model), torch.randint(0, 50, (2, 4))
    _, here = loss_and_gradient(found, inputs, targets, 1)
    fresh = pool.load(tiny_llama_folder, "a", dtype=found.dtype, device=CPU)
    _, elsewhere = loss_and_gradient(fresh, inputs, targets, 1)
    assert torch.equal(here, elsewhere)
