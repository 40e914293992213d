"""Models from a model hub: safetensors, JSON and tokenizer files only, never code or pickles."""

import errno
import io
import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from explorer.assets.model_config import read_object
from explorer.base.errors import ExplorerError, MissingAssetError, ModelError, StorageError
from explorer.base.formatting import human_bytes
from explorer.base.language import tr
from explorer.base.progress import Report, Reporter

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
MAIN = "main"
WANTED = [  # and the weight files that the index names
    "config.json",
    "generation_config.json",
    WHOLE,
    INDEX,
    "adapter_config.json",  # by which an adapter is known, and refused
    "tokenizer*.json",
    "special_tokens_map.json",
]

_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)


_REVISION = re.compile(r"(?!.*\.\.)\w[\w./+-]{0,120}")


def is_id(name: str) -> bool:
    """Return whether `name` is well-formed: "organisation/model", or with "@revision" behind it."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    repository, revision = split(name)
    if revision is not None and not _REVISION.fullmatch(revision):
        return False
    try:
        validate_repo_id(repository)
    except HFValidationError:
        return False
    return repository.count("/") == 1


def split(name: str) -> tuple[str, str | None]:
    """Return a hub id without its revision (a branch, tag or commit), and that, None for main.

    Checkpoints of a training run lie in branches: EleutherAI/pythia-160m@step1000.
    """
    repository, at, revision = name.partition("@")
    return repository, revision if at else None


def cache_folder() -> Path:
    """Return the hub's own cache, which other programs on this machine share."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def cached(name: str) -> Path | None:
    """Return the folder of a model that was fetched before, None if files are missing."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    repository, revision = split(name)
    here: Any = partial(snapshot_download, repository, revision=revision, local_files_only=True)
    try:
        folder = Path(here(allow_patterns=WANTED))
        shards = [] if (folder / WHOLE).is_file() else _shards(folder)  # as `download` fetches
        return Path(here(allow_patterns=[*WANTED, *shards]))
    except LocalEntryNotFoundError:
        return None


def cached_revisions(name: str) -> list[str]:
    """Return the names of this model's other revisions that are in the cache, sorted."""
    repository, revision = split(name)
    refs = cache_folder() / f"models--{repository.replace('/', '--')}" / "refs"
    found = [file.relative_to(refs).as_posix() for file in refs.rglob("*") if file.is_file()]
    others = sorted(set(found) - {revision or MAIN})
    return [repository if other == MAIN else f"{repository}@{other}" for other in others]


def _shards(folder: Path) -> list[str]:
    """Return the weight files that a folder's index names, whatever they are called."""
    try:
        shards = read_object(folder / INDEX).get("weight_map")
    except ModelError:
        return []
    names = set(shards.values()) if isinstance(shards, dict) else set()
    return sorted(name for name in names if isinstance(name, str) and name.endswith(".safetensors"))


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
        progress(count / max(expected, 1), f"Downloading {name}, {human_bytes(expected)}")

    repository, revision = split(name)
    fetch: Any = partial(snapshot_download, repository, revision=revision)
    bar = _silent_bar(arrived)
    try:
        plan = fetch(allow_patterns=[*WANTED, "*.safetensors"], tqdm_class=bar, dry_run=True)
        names = {file.filename for file in plan}
        if not any(name.endswith(".safetensors") for name in names):
            raise ModelError(
                tr(
                    "{name} has no model.safetensors on the hub, and other formats can run code. "
                    "Choose a model that is published as safetensors.",
                    name=name,
                )
            )
        wanted = list(WANTED)
        if WHOLE not in names and INDEX in names:
            unseen = _silent_bar(lambda _: None)  # it is too small to be waited for
            wanted += _shards(Path(fetch(allow_patterns=[INDEX], tqdm_class=unseen)))
        plan = fetch(allow_patterns=wanted, tqdm_class=bar, dry_run=True)
        expected = sum(file.file_size or 0 for file in plan if file.will_download)
        arrived(0)
        folder = fetch(allow_patterns=wanted, tqdm_class=bar)
    except ExplorerError:
        raise
    except Exception as error:  # the hub's client lets errors of several libraries through
        raise _explain(name, error) from error
    progress(1.0, f"{name}: ready")
    return Path(folder)


def _explain(name: str, error: BaseException) -> ExplorerError:
    """Say in a sentence why a model could not be fetched."""
    from huggingface_hub import errors

    if isinstance(error, errors.DryRunError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, errors.GatedRepoError):
        return ModelError(
            tr(
                "{name} is gated: ask for access on its page on the hub, then run `hf auth login` "
                "on this machine.",
                name=name,
            )
        )
    if isinstance(error, errors.RevisionNotFoundError):
        repository, revision = split(name)
        return ModelError(
            tr(
                "The hub knows {repository}, but no revision {revision} of it. Look at the "
                "branches on its page on the hub.",
                repository=repository,
                revision=revision,
            )
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return ModelError(
            tr(
                "The hub knows no model {name}, or it is private. Check the id, or run `hf auth "
                "login` on this machine.",
                name=name,
            )
        )
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        return StorageError(
            tr(
                "{name} cannot be stored ({reason}). Make room on the disk, or set HF_HOME to a "
                "folder you can write to.",
                name=name,
                reason=error.strerror,
            )
        )
    return MissingAssetError(
        tr(
            "{name} is not complete on this disk and the hub cannot be reached. Try again with a "
            "network connection and without HF_HUB_OFFLINE, or choose a model that is here.",
            name=name,
        )
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
