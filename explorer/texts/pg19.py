"""PG-19's test split: a hundred books, streamed from the hub as they are wanted (D3).

`deepmind/pg19` is a loading script, which `datasets` no longer runs and which we would not run;
the same hundred books lie as one Parquet file in `emozilla/pg19-test`.
"""

import re
from collections.abc import Iterator
from functools import cache
from threading import Lock
from typing import Any

from explorer.base.errors import MissingAssetError
from explorer.base.language import tr
from explorer.specs.cleaning import clean
from explorer.specs.texts import PG19Spec
from explorer.texts.passages import Passage, excerpt, roomy, shuffled

DATASET = "emozilla/pg19-test"
REVISION = "c5e39bf32e33f9111323aa68d7d9000d22722035"
BOOKS = 100
SHORTEST_START = 200
"""Characters of a paragraph that may begin a passage: no titles, no page numbers."""

PROBE_SECONDS = 5.0

_PARAGRAPH = re.compile(r"\S.*(?:\n.*\S.*)*")


class _Books:
    """The books read so far, and the stream that the next ones come from."""

    def __init__(self) -> None:
        self._read: list[tuple[str, str]] = []
        self._stream: Iterator[dict[str, Any]] | None = None
        self._lock = Lock()

    def __getitem__(self, number: int) -> tuple[str, str]:
        """Return title and text of a book.

        Raises:
            MissingAssetError: if the hub cannot be reached.
        """
        with self._lock:
            try:
                self._stream = self._stream or _open_stream()
                while len(self._read) <= number:
                    row = next(self._stream)
                    self._read.append((str(row["short_book_title"]), clean(str(row["text"]))))
            except Exception as error:  # the hub's libraries raise those of several packages
                self._stream, self._read = None, []
                raise MissingAssetError(
                    tr(
                        "PG-19 cannot be streamed from the hub ({error}). Choose Shakespeare, "
                        "the seen text that works offline.",
                        error=type(error).__name__,
                    )
                ) from error
            return self._read[number]


@cache
def _books() -> _Books:
    return _Books()


def _open_stream() -> Iterator[dict[str, Any]]:
    """Return the rows of the test split, in their order."""
    import datasets
    from huggingface_hub import HfApi

    # Without this question, the library tries for half a minute to reach a hub that is not there.
    HfApi().dataset_info(DATASET, revision=REVISION, timeout=PROBE_SECONDS)
    datasets.config.TORCH_AVAILABLE = False  # or streaming imports torch for a base class
    return iter(datasets.load_dataset(DATASET, revision=REVISION, split="test", streaming=True))


def passage(spec: PG19Spec) -> Passage:
    """Draw a passage that starts with a paragraph; line breaks stay as the book has them.

    The seed sets the order of the books. When all have been used, the next round takes other
    paragraphs of them.

    Raises:
        MissingAssetError: if the hub cannot be reached.
    """
    turn, place = divmod(spec.index, BOOKS)
    number = shuffled(BOOKS, spec.seed)[place]
    title, text = _books()[number]
    starts = roomy(
        [found.start() for found in _PARAGRAPH.finditer(text) if len(found[0]) >= SHORTEST_START],
        len(text),
    ) or [0]
    order = shuffled(len(starts), f"{spec.seed}/{number}")
    start = starts[order[turn % len(starts)]]
    return Passage(
        text=excerpt(text, start, spec.characters),
        title=title,
        spec=spec,
        work=f"pg19/{number}",
        start=start,
    )
