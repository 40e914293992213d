"""What goes between a driver and its nodes: plain values and bytes, no file system. No torch."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from explorer.base import folders
from explorer.base.errors import CorruptFileError
from explorer.base.files import write_atomically
from explorer.base.progress import Progress

Files = dict[str, bytes]
"""Contents by path below `folders.local()`."""


@dataclass(frozen=True)
class Part:
    """A piece of a task that any node can carry out.

    Attributes:
        key: names it within the task.
        title: what it is, for a person who waits.
    """

    key: str
    title: str


@dataclass(frozen=True)
class Step:
    """What a node says of a part under way.

    Attributes:
        fraction: of the part that is done, 0 to 1.
        files: what another node would go on from; None: as before.
    """

    fraction: float
    files: Files | None = None


@dataclass(frozen=True)
class Finished:
    """What a part has come to.

    Attributes:
        files: what it made or changed.
    """

    files: Files


@dataclass(frozen=True)
class Facts:
    """What a node is, as it says itself.

    Attributes:
        name: of the machine, for a person.
        device: what it computes on.
        searched_in: number format of the search; empty while it has no model.
        fingerprint: of the weights it has; empty while it has none.
        versions: of Python, explorer, torch and transformers.
    """

    name: str
    device: str
    searched_in: str
    fingerprint: str
    versions: dict[str, str]


class Division(ABC):
    """Long work as parts, and what is made of what they come to.

    Attributes:
        kind: by which nodes know what to do with a part (`carried.CARRIED_OUT`).
        model: name of the model, as `--model` takes it.
        precision: in which the model searches, as a recipe has it.
    """

    kind: str
    model: str
    precision: str

    @abstractmethod
    def begin(self, made: Files) -> None:
        """Take up what the first node has made for all parts, such as a header."""

    @property
    @abstractmethod
    def described(self) -> dict[str, Any]:
        """What a node's task is made from, by the names of its arguments."""

    @abstractmethod
    def left(self) -> Sequence[Part]:
        """Return the parts that are not done, in the order in which they are handed out."""

    def lock(self, part: Part) -> AbstractContextManager[object] | None:
        """Keep others on this machine from the part; None if one of them is at it."""
        return nullcontext()  # nobody else can be

    def known(self, part: Part) -> Files:
        """Return what a node goes on from."""
        return {}

    def keep_step(self, part: Part, files: Files) -> None:
        """Keep what another node would go on from.

        Raises:
            StorageError: if the disk refuses.
        """
        write(files)

    @abstractmethod
    def keep(self, part: Part, found: Finished) -> None:
        """Keep what a part has come to; it is on the disk when this or `checkpoint` returns.

        Raises:
            StorageError: if the disk refuses.
        """

    def checkpoint(self) -> None:  # noqa: B027 (what is kept at once needs none)
        """Write what is kept in memory alone.

        Raises:
            StorageError: if the disk refuses.
        """

    @abstractmethod
    def progress(self, under_way: dict[str, float], at_once: int) -> Progress:
        """Say how far the whole is.

        Args:
            under_way: the part done of each part under way, by key.
            at_once: how many are carried out side by side.
        """

    def note(self, nodes: list[dict[str, Any]], refused: list[str]) -> None:  # noqa: B027
        """Take down who is at work on what, for others to see.

        Args:
            nodes: `Spread.nodes`.
            refused: why which machine takes nothing.
        """

    @property
    @abstractmethod
    def outcome(self) -> str:
        """What there is by now, in a sentence."""

    def finish(self) -> None:
        """Clear up when no part is left."""
        self.checkpoint()


def read(folder: Path) -> Files:
    """Return all files in a folder of `folders.local()`; a missing folder has none."""
    return read_all(
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.endswith((".lock", ".tmp"))
    )


def read_all(files: Iterable[Path]) -> Files:
    """Return the contents of files below `folders.local()`."""
    root = folders.local()
    return {str(file.relative_to(root)): file.read_bytes() for file in files}


def write(files: Files) -> None:
    """Write files below `folders.local()`.

    Raises:
        CorruptFileError: if a name leads out of it.
        StorageError: if the disk refuses.
    """
    root = folders.local().resolve()
    for name, content in files.items():
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise CorruptFileError(f"A node sent a file with a name that leads away: {name[:80]}.")
        write_atomically(path, content)


def take(files: Files, name: str) -> bytes:
    """Remove a file from others by its name without folders, and return its content.

    Raises:
        CorruptFileError: if it is not there.
    """
    for path in files:
        if Path(path).name == name:
            return files.pop(path)
    raise CorruptFileError(f"A node has not sent {name}. Run the same version everywhere.")


@contextmanager
def opened(content: bytes) -> Iterator[Path]:
    """Return a file with this content, which is gone at the end."""
    with TemporaryDirectory() as folder:
        yield write_atomically(Path(folder, "sent.safetensors"), content)
