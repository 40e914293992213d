"""Lists, reads and finds what is stored one to a folder, by its id or the beginning of it."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from explorer.base import folders, language
from explorer.base.errors import BadInputError, CorruptFileError, StorageError
from explorer.base.language import tr

S = TypeVar("S")


@dataclass(frozen=True)
class Stored(Generic[S]):
    """One thing of a collection.

    Attributes:
        id: the name of its folder; of what ships, as it stands below the folder of its kind.
        file: the file that says what it is.
        ships: whether it came with the project.
        said: what the file says, None if it cannot be read.
        problem: a sentence if it cannot be read.
    """

    id: str
    file: Path
    ships: bool
    said: S | None
    problem: str | None

    @property
    def folder(self) -> Path:
        """The folder that it lies in."""
        return self.file.parent


@dataclass(frozen=True)
class Collection(Generic[S]):
    """All things of one kind: this machine's, and those that ship with the project.

    Attributes:
        noun: what one is called, without article.
        place: the folder below the cache that holds the folders of this machine's.
        file: the name of the file by which a folder is known to hold one.
        read: returns what such a file says, without what is large; raises CorruptFileError.
        advice: what to do if there is none of a name.
        ships_in: the folder below `cache/recorded/` that is searched for it; None: as `place`.
    """

    noun: str
    place: str
    file: str
    read: Callable[[Path], S]
    advice: str
    ships_in: str | None = None

    def folder_of(self, name: str) -> Path:
        """Return the folder in which one of this machine lies, or would."""
        return folders.local() / self.place / name

    def own(self) -> list[Path]:
        """Return the files of this machine's, newest first."""
        files = (folders.local() / self.place).glob(f"*/{self.file}")
        return sorted(files, key=lambda file: (-_changed(file), file))

    def shipped(self) -> list[Path]:
        """Return the files of those that ship with the project."""
        root = self._recorded()
        try:
            return list(_below(root, self.file, root.stat().st_mtime_ns))
        except OSError:
            return []

    def files(self) -> list[Path]:
        """Return the files of this machine's, newest first, then of others that ship."""
        own = self.own()
        known = {self.id_of(file) for file in own}
        return own + [file for file in self.shipped() if self.id_of(file) not in known]

    def folders(self) -> list[Path]:
        """Return the folders of `files`."""
        return [file.parent for file in self.files()]

    def all(self) -> list[Stored[S]]:
        """Return everything with what its file says; each is read again only if it changes."""
        return [self.stored(file) for file in self.files()]

    def stored(self, file: Path) -> Stored[S]:
        """Return one of `files` with what it says."""
        said, problem = read_once(self.read, file)
        ships = file.is_relative_to(folders.recorded())
        return Stored(self.id_of(file), file, ships, said, problem)

    def id_of(self, file: Path) -> str:
        """Return the id of what one of `files` belongs to."""
        root = folders.local() / self.place
        if file.is_relative_to(folders.recorded()):
            root = self._recorded()
        return file.parent.relative_to(root).as_posix()

    def find(self, name: str) -> Path:
        """Return the file of one by its id, its path or that of its folder, or an id's beginning.

        Raises:
            BadInputError: if there is none, or more than one.
        """
        name = name.strip()
        known = {self.id_of(file): file for file in self.files()}
        if name in known:
            return known[name]
        if name:
            path = folders.given(name)
            for file in (path, path / self.file):
                if file.is_file():
                    return file.resolve()
            begun = any(known_id.startswith(name) for known_id in known)
            if (path.suffix or "/" in name) and not begun:
                raise BadInputError(
                    tr(
                        "There is no {noun} at {name}. Check its path.",
                        noun=tr(self.noun),
                        name=name[-200:],
                    )
                )
        return known[the_one(self.noun, known, name, self.advice)]

    def find_folder(self, name: str) -> Path:
        """Return the folder of what `find` finds.

        Raises:
            BadInputError: as `find`.
        """
        return self.find(name).parent

    def _recorded(self) -> Path:
        return folders.recorded() / (self.place if self.ships_in is None else self.ships_in)


@lru_cache(maxsize=64)
def _below(root: Path, name: str, _changed: int) -> tuple[Path, ...]:
    """Return the files of a name anywhere below a folder, read once: what ships stays as it is.

    Hundreds of questions to the disk, each of which lets every other thread of a server go first,
    made a page of a full class wait for seconds.
    """
    return tuple(sorted(root.rglob(name)))


def the_one(noun: str, ids: Iterable[str], beginning: str, advice: str) -> str:
    """Return the one id that begins as a person wrote.

    Raises:
        BadInputError: if there is none, or more than one.
    """
    found = sorted({name for name in ids if beginning and name.startswith(beginning)})
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInputError(
            tr(
                "{count} ids begin with “{beginning}”. Give more of the id of the {noun}.",
                count=len(found),
                beginning=beginning[:60],
                noun=tr(noun),
            )
        )
    raise BadInputError(
        tr(
            "There is no {noun} “{beginning}” on this machine. {advice}",
            noun=tr(noun),
            beginning=beginning[:60],
            advice=tr(advice),
        )
    )


def read_once(read: Callable[[Path], S], file: Path) -> tuple[S | None, str | None]:
    """Return what a file says, or a sentence if it cannot be read; again only if it changes.

    Args:
        read: a function that stays the same from call to call; raises CorruptFileError.
        file: its argument.
    """
    with contextlib.suppress(OSError, StorageError):  # which is not kept: it may be well later
        state = file.stat()
        said, problem, spoken = _read_once(read, file, state.st_size, state.st_mtime_ns)
        if problem is not None and spoken != language.current():
            said, problem, _ = _read(read, file)
        return said, problem
    return None, tr("{name} cannot be read any more.", name=file.name)


def _read(read: Callable[[Path], Any], file: Path, *_state: int) -> tuple[Any, str | None, str]:
    """Return what a file says, or what is wrong with it; and the language that is said in."""
    try:
        return read(file), None, language.current()
    except CorruptFileError as error:
        return None, str(error), language.current()


_read_once = lru_cache(maxsize=20_000)(_read)


def _changed(file: Path) -> float:
    """Return when a file was changed last, UNIX time; 0 if it is gone meanwhile."""
    with contextlib.suppress(OSError):
        return file.stat().st_mtime
    return 0.0
