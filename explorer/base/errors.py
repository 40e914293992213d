"""Errors a person can act on.

Every message is one or two plain sentences: what is wrong, and what to do. Pages show it in a
box, the command line prints it on stderr. Anything else that is raised is a defect of ours.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from explorer.base.language import later, tr


class ExplorerError(Exception):
    """A problem the person in front of the screen can solve."""


class BadInputError(ExplorerError):
    """A text, number or setting that cannot be used."""


class NoProtoTokensError(BadInputError):
    """A solution of another kind where e and m are needed."""


class MissingAssetError(ExplorerError):
    """A model or text collection is not on this disk and could not be fetched."""


class ModelError(ExplorerError):
    """A model that is unknown, broken, gated, of the wrong kind or too large."""


class CorruptFileError(ExplorerError):
    """A file that should hold a solution, a recording or a model does not."""


class StorageError(ExplorerError):
    """The disk refuses: not writable, or full."""


@contextmanager
def disk_errors(
    what: str,
    advice: str = later("Free some space, or set EXPLORER_CACHE to a folder you can write to."),
    kind: type[ExplorerError] = StorageError,
) -> Iterator[None]:
    """Turn what the disk refuses during a block into a sentence.

    Args:
        what: what cannot be done; the system's reason is put behind it.
        advice: what to do, as a sentence of its own.
        kind: of the error.

    Raises:
        ExplorerError: of that kind, instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise kind(f"{what} ({error.strerror or error}). {tr(advice)}") from error
