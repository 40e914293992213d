"""Errors a person can act on.

Every message is one or two plain sentences: what is wrong, and what to do. Pages show it in a
box, the command line prints it on stderr. Anything else that is raised is a defect of ours.
"""


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
