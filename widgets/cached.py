"""What the web process keeps between reruns: small, immutable, shared by every session."""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from explorer.assets import catalog
from explorer.assets.tokenizing import Tokenizer
from explorer.base import language
from explorer.base.errors import ExplorerError
from explorer.inside.result import Inside
from explorer.landscape.result import Landscape
from explorer.landscape.surroundings import Surroundings
from explorer.paths.result import Paths
from explorer.solutions import store
from explorer.solutions.recording import Recording
from explorer.solutions.solution import Solution

Value = TypeVar("Value")
Made = TypeVar("Made")


@dataclass
class _Slot:
    """What is kept of one place, and the stamp of its version; () while there is nothing."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    holds: tuple[Hashable, ...] = ()
    value: Any = None


class Newest(Generic[Value]):
    """What was read from files, of each file in its newest version only.

    Streamlit's caches tell calls apart by all their arguments: with a file's time among these they
    keep as many versions of a growing result as they have entries.
    """

    def __init__(
        self,
        load: Callable[[Path], Value],
        entries: int,
        files: Callable[[Path], Iterable[Path]] = lambda place: [place],
    ) -> None:
        """Keep what `load` makes of the `entries` places that were asked for last.

        Args:
            load: reads a place.
            entries: how many are kept.
            files: of a place, by whose times one version of it is told from another.
        """
        self.load, self.entries, self.files = load, entries, files
        self._slots: OrderedDict[Path, _Slot] = OrderedDict()
        self._guard = threading.Lock()

    def __call__(self, place: Path) -> Value:
        """Return what is read from `place`, again only if a file of it has changed since."""
        stamp = tuple((f, f.stat().st_mtime_ns if f.exists() else 0) for f in self.files(place))
        with self._guard:
            slot = self._slots.setdefault(place, _Slot())
            self._slots.move_to_end(place)
            while len(self._slots) > self.entries:
                self._slots.popitem(last=False)
        with slot.lock:  # who comes while it is read waits for it
            if slot.holds != (stamp,):
                slot.holds, slot.value = (), None
                slot.value = self.load(place)
                slot.holds = (stamp,)
            value: Value = slot.value
        return value

    def if_there(self, place: Path) -> Value | None:
        """Return what is read from `place`, or None while there is no such file."""
        return self(place) if place.is_file() else None

    def __len__(self) -> int:
        """Return how many values are kept."""
        return len(self._slots)


class _Made:
    """What was made of one value, as long as the value is there."""

    def __init__(self, value: object, forget: Callable[[object], object]) -> None:
        self.of = weakref.ref(value, forget)
        self.lock = threading.Lock()
        self.kept: dict[Hashable, Any] = {}


_made: dict[int, _Made] = {}
_making = threading.Lock()
MOST_MADE = 32
"""Things that are kept of one value, such as the charts of a run."""


def once(make: Callable[..., Made], value: Any, *details: Hashable) -> Made:
    """Return `make(value, *details)`, made once for all pages of a language that show the value.

    It is forgotten with the value: a result that grows is another value, and nothing is left of the
    one before. What is returned is shared: nobody may change it.

    Args:
        make: a function of a module, by which what it makes is found again.
        value: what `Newest` gives: the same object to every page.
        details: what else it is made of.
    """
    number = id(value)
    with _making:
        if number not in _made or _made[number].of() is not value:
            _made[number] = _Made(value, lambda _: _made.pop(number, None))
        made = _made[number]
    with made.lock:  # who comes while it is made waits for it
        key = (make, details, language.current())
        if key not in made.kept:
            while len(made.kept) >= MOST_MADE:
                made.kept.pop(next(iter(made.kept)))
            made.kept[key] = make(value, *details)
        result: Made = made.kept[key]
    return result


def _read_run(folder: Path) -> tuple[Recording | None, list[Solution]]:
    return store.recording_of(folder / store.RECORDING), store.siblings(folder / store.RECORDING)


tokenizer = Newest(Tokenizer.load, 8, lambda folder: [folder / "tokenizer.json"])
"""The tokenizer of a model folder."""


def tokenizer_of(model: str) -> Tokenizer | None:
    """Return the tokenizer of a model, None if the model is not on this disk."""
    try:
        folder = catalog.find(model).folder
    except ExplorerError:
        return None
    return None if folder is None else tokenizer(folder)


run = Newest(_read_run, 64, lambda folder: sorted(folder.glob("*.safetensors")))
"""The recording and the solutions of a run that is over, by its folder."""
paths = Newest(Paths.load, 16)
landscape = Newest(Landscape.load, 16)
surroundings = Newest(Surroundings.load, 16)
inside = Newest(Inside.load, 16)
