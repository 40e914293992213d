"""What tests of reconstructions share: one run that nothing interrupts, and one to begin."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from explorer.base import folders
from explorer.model.pool import ModelPool
from explorer.solutions import store
from explorer.solutions.recording import Recording
from explorer.solutions.solution import Solution
from explorer.tasks import reconstruct
from explorer.tasks.reconstruct import Reconstruction
from tests.explorer.tasks.reconstruct.cases import finish, spec_for

Make = Callable[..., Reconstruction]


@pytest.fixture(scope="module")
def models(one_thread: None) -> ModelPool:
    return ModelPool(torch.device("cpu"))


@pytest.fixture(autouse=True)
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show every step and write a checkpoint after each."""
    monkeypatch.setattr(reconstruct, "FRAME_SECONDS", 0.0)
    monkeypatch.setattr("explorer.tasks.task.CheckpointTimer.due", True)


@pytest.fixture
def make(models: ModelPool, tiny_llama_folder: Path, tmp_path: Path) -> Make:
    """Begin a reconstruction, or go on with it when called again with the same name."""

    def begin(name: str = "run", *, job: str | None = None, **fields: Any) -> Reconstruction:
        folder = folders.make(tmp_path / name / "job")
        out = store.run_folder(job) if job else tmp_path / name / "out"
        return Reconstruction(spec_for(tiny_llama_folder, **fields), models, folder, job, out)

    return begin


@pytest.fixture(scope="module")
def whole(
    models: ModelPool, tiny_llama_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Solution], Recording]:
    """What the run comes to when nothing interrupts it."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_CACHE", str(folder / "cache"))
        patch.setattr(reconstruct, "FRAME_SECONDS", 0.0)
        task = Reconstruction(spec_for(tiny_llama_folder), models, folder, None, folder / "out")
        return finish(task), Recording.load(task.recording_file)
