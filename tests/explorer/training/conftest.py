"""What tests of the trainer share: watched, tight and poisoned models."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from explorer.model import passes
from explorer.model.frozen import FrozenModel
from explorer.model.passes import Batch

LoadModel = Callable[..., FrozenModel]


@pytest.fixture
def call_log(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows in each pass through any model, in order."""
    calls: list[int] = []
    plain = passes.loss_and_gradient

    def noted(model: FrozenModel, batches: list[Batch], **kwargs: Any) -> Any:
        calls.append(sum(len(batch.targets) for batch in batches))
        return plain(model, batches, **kwargs)

    monkeypatch.setattr(passes, "loss_and_gradient", noted)
    return calls


@pytest.fixture
def memory_for(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let passes of more than some rows run out of memory."""
    plain = passes.loss_and_gradient

    def limit(rows: int) -> None:
        def tight(model: FrozenModel, batches: list[Batch], **kwargs: Any) -> Any:
            if sum(len(batch.targets) for batch in batches) > rows:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return plain(model, batches, **kwargs)

        monkeypatch.setattr(passes, "loss_and_gradient", tight)

    return limit


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> Callable[[tuple[int, ...], int], None]:
    """Make the gradient of one target no number from some step on."""
    plain = passes.loss_and_gradient

    def arrange(target_ids: tuple[int, ...], healthy_steps: int) -> None:
        seen = 0

        def poisoned(model: FrozenModel, batches: list[Batch], **kwargs: Any) -> Any:
            nonlocal seen
            found = plain(model, batches, **kwargs)
            for batch, (_, gradient) in zip(batches, found, strict=True):
                for row, ids in enumerate(batch.targets.tolist()):
                    if tuple(ids) == target_ids:
                        seen += 1
                        if seen > healthy_steps:
                            gradient[row] = torch.nan
            return found

        monkeypatch.setattr(passes, "loss_and_gradient", poisoned)

    return arrange


@pytest.fixture(scope="module")
def fast_llama(load_model: LoadModel, tiny_llama_folder: Path) -> FrozenModel:
    return load_model(tiny_llama_folder, dtype=torch.bfloat16)


@pytest.fixture(scope="module")
def shifted(
    load_model: LoadModel, tiny_llama_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> FrozenModel:
    """The same model with rounding so coarse that the last steps take long."""
    folder = tmp_path_factory.mktemp("shifted") / "llama"
    shutil.copytree(tiny_llama_folder, folder)
    draw = torch.Generator().manual_seed(0)
    tensors = load_file(folder / "model.safetensors")
    noisy = {
        name: t + 0.1 * t.std() * torch.randn(t.shape, generator=draw) if t.ndim > 1 else t
        for name, t in tensors.items()
    }
    save_file(noisy, folder / "model.safetensors", {"format": "pt"})
    return load_model(folder)
