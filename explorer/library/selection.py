"""Searching and filtering the library, and how much disk it takes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from explorer.base import folders
from explorer.base.language import later
from explorer.inside.result import LOOKS
from explorer.landscape.result import LANDSCAPES
from explorer.landscape.surroundings import WALKS
from explorer.library.comparison import scheme
from explorer.library.item import Item
from explorer.solutions.store import IMPORTED

PLACES = {
    later("models"): "models",
    later("texts"): "assets",
    later("solutions and recordings"): "solutions",
    later("sets"): "sets",
    later("paths"): "paths",
    later("experiments"): "experiments",
    later("analyses"): "analyses",
    later("frames and checkpoints of jobs"): "jobs",
    later("logs"): "logs",
    later("trash"): "trash",
}
"""What lies in which folder of the cache, in words."""


@dataclass(frozen=True)
class Wish:
    """What a person wants to see; an empty field wants everything.

    Attributes:
        words: all of them occur in the item, in any case.
        models: any of these.
        tags: all of these.
        origins: any of what `origin_of` says.
        exact: whether only exact solutions, or runs with one.
        owner: only what is this person's.
    """

    words: str = ""
    models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    exact: bool = False
    owner: str | None = None


def chosen(items: Sequence[Item], wish: Wish) -> list[Item]:
    """Return the items that fulfil a wish, in their order; what cannot be read only by words."""
    words = wish.words.casefold().split()
    return [item for item in items if _fits(item, wish) and _says(item, words)]


def _fits(item: Item, wish: Wish) -> bool:
    return (
        (not wish.models or model_of(item) in wish.models)
        and set(wish.tags) <= set(item.label.tags)
        and (not wish.origins or origin_of(item) in wish.origins)
        and (not wish.exact or is_exact(item))
        and wish.owner in (None, item.owner)
    )


def _says(item: Item, words: Sequence[str]) -> bool:
    parts = [item.id, item.text, item.label.name, item.label.note, *item.label.tags]
    parts += [str(value) for value in item.facts.values() if isinstance(value, str)]
    if (record := item.record) is not None:
        parts += [record.title, record.source, record.model, record.kind, scheme(record)[1]]
        parts += [getattr(record, "arrangement", ""), record.reason or "", f"seed {record.seed}"]
        parts += [record.recipe.title, record.recipe.digest]
    said = "\n".join(parts).casefold()
    return all(word in said for word in words)


def model_of(item: Item) -> str:
    """Return the name of the model an item was made with, empty if unknown."""
    return item.record.model if item.record else str(item.facts.get("model", ""))


def origin_of(item: Item) -> str:
    """Return where an item comes from: own, imported or recorded."""
    if item.kind == "run" and not item.ships:
        return "imported" if item.id.startswith(IMPORTED) else "own"
    return "recorded" if item.ships else str(item.facts.get("origin", "own"))


def is_exact(item: Item) -> bool:
    """Return whether a solution is exact, or a run has an exact restart."""
    return item.record.exact if item.record else bool(item.facts.get("exact"))


def disk_use() -> dict[str, int]:
    """Return how many bytes of this machine's cache each kind takes, the rest under `other`.

    Planes and walks around solutions lie in folders beside those of paths, and are told apart.
    """
    by_name = {path.name: size_of(path) for path in folders.local().glob("*")}
    sizes = {name: by_name.pop(folder, 0) for name, folder in PLACES.items()}
    landscapes = sum(size_of(file) for file in (*LANDSCAPES.own(), *WALKS.own(), *LOOKS.own()))
    sizes["paths"] -= min(sizes["paths"], landscapes)
    return sizes | {
        later("landscapes"): landscapes,
        later("other"): sum(by_name.values()),
    }


def size_of(path: Path) -> int:
    """Return the bytes of a file or of all files below a folder; what vanishes meanwhile is 0."""
    total = 0
    try:
        if path.is_file():
            return path.stat().st_size
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += size_of(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        return total
    return total
