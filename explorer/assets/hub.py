"""Models from a model hub: safetensors, JSON and tokenizer files only, never code or pickles."""

import errno
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from explorer.base.errors import ExplorerError, MissingAssetError, ModelError, StorageError
from explorer.base.formatting import human_bytes
from explorer.base.progress import Report, Reporter

WANTED = [
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "model-*.safetensors",
    "model.safetensors.index.json",
    "tokenizer*.json",
    "special_tokens_map.json",
]

_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)


def is_id(name: str) -> bool:
    """Return whether `name` is well-formed as a hub id, "organisation/model"."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return name.count("/") == 1


def cache_folder() -> Path:
    """Return the hub's own cache, which other programs on this machine share."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def cached(name: str) -> Path | None:
    """Return the folder of a model that was fetched before, None if files are missing."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=WANTED, local_files_only=True))
    except LocalEntryNotFoundError:
        return None


def download(name: str, report: Report | None = None) -> Path:
    """Fetch a model into the hub's own cache and return its folder; what is there stays.

    Raises:
        ModelError: if the model is gated, unknown, or has no safetensors.
        MissingAssetError: if the hub cannot be reached (HF_HUB_OFFLINE is honoured).
        StorageError: if the disk refuses.
    """
    from huggingface_hub import snapshot_download

    progress = Reporter(report)
    expected = 0

    def arrived(count: float) -> None:
        sentence = f"Downloading {name}, {human_bytes(expected)}"
        progress("downloading", count / max(expected, 1), sentence)

    bar = _silent_bar(arrived)
    try:
        plan = snapshot_download(name, allow_patterns=WANTED, tqdm_class=bar, dry_run=True)
        if not any(file.filename.endswith(".safetensors") for file in plan):
            raise ModelError(
                f"{name} has no model.safetensors on the hub, and other formats can run code. "
                "Choose a model that is published as safetensors."
            )
        expected = sum(file.file_size or 0 for file in plan if file.will_download)
        arrived(0)
        folder = snapshot_download(name, allow_patterns=WANTED, tqdm_class=bar)
    except ExplorerError:
        raise
    except Exception as error:  # the hub's client lets errors of several libraries through
        raise _explain(name, error) from error
    progress("downloading", 1.0, f"{name}: ready")
    return Path(folder)


def _explain(name: str, error: BaseException) -> ExplorerError:
    """Say in a sentence why a model could not be fetched."""
    from huggingface_hub import errors

    if isinstance(error, errors.DryRunError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, errors.GatedRepoError):
        return ModelError(
            f"{name} is gated: ask for access on its page on the hub, then run `hf auth login` "
            "on this machine."
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return ModelError(
            f"The hub knows no model {name}, or it is private. Check the id, or run "
            "`hf auth login` on this machine."
        )
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        return StorageError(
            f"{name} cannot be stored ({error.strerror}). Make room on the disk, or set HF_HOME "
            "to a folder you can write to."
        )
    return MissingAssetError(
        f"{name} is not complete on this disk and the hub cannot be reached. "
        "Try again with a network connection and without HF_HUB_OFFLINE, or choose a model "
        "that is on this disk."
    )


def _silent_bar(arrived: Callable[[float], None]) -> type:
    """Return a progress bar class that shows nothing and calls `arrived` with a count of bytes."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]  # generic in its stubs only
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs | {"file": io.StringIO(), "mininterval": math.inf})

        def update(self, n: float | None = 1) -> None:
            super().update(n)
            if self.unit == "B":
                arrived(self.n)

    return Bar
