"""Memory vectors of a file that must hold some."""

from pathlib import Path

from explorer.solutions.solution import Memory, load


def load_memory(path: Path) -> Memory:
    """Read a file of memory vectors."""
    found = load(path)
    assert isinstance(found, Memory)
    return found
