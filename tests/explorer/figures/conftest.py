"""A hand-made run of three restarts on four tokens, with every number known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from explorer.solutions.recording import Recording, RecordingHeader

PIECES = {0: " the", 1: "<script>alert(1)</script>", 2: "\n", 3: "日", 9: "<b>bold</b>"}

HEADER = RecordingHeader(
    model="tiny",
    target_ids=[0, 1, 2, 3],
    seeds=[10, 11, 12],
    d_model=2,
    arrangement="e+mN",
    groups=[(0, 1, " the"), (1, 3, "<script>alert(1)</script>\n"), (3, 4, "日")],
    pieces=PIECES,
)

ENDS = (4, 99, 6)
"""Steps after which each restart is over; the second one is still searching."""


def make_run(count: int, header: RecordingHeader = HEADER) -> Recording:
    """Make `count` frames, two steps apart, in which tokens turn right one after the other."""
    frames = np.zeros(count, dtype=header.frame_dtype)
    draw = np.random.default_rng(0)
    N = len(header.target_ids)
    for f in range(count):
        frames["step"][f], frames["seconds"][f] = 2 * f + 1, f / 4
        for k in range(len(header.seeds)):
            right = min(N, f + k) if f else 0
            ids = [*header.target_ids[:right], *[9] * (N - right)]
            frames["predicted"][f, k] = ids
            frames["accuracy"][f, k] = right / N
            frames["steps"][f, k] = min(2 * f + 1, ENDS[k])
            frames["phase"][f, k] = 2 if 2 * f + 1 > ENDS[k] else f % 2
        frames["loss"][f] = draw.uniform(0.1, 5, len(header.seeds))
        frames["p"][f] = draw.uniform(0, 1, (len(header.seeds), N))
        frames["rank"][f] = draw.integers(1, 300, (len(header.seeds), N))
    return Recording(header, frames)


@pytest.fixture
def make() -> Callable[..., Recording]:
    return make_run


@pytest.fixture
def recording() -> Recording:
    return make_run(8)


@pytest.fixture
def labels() -> list[str]:
    return [PIECES[i] for i in HEADER.target_ids]


@pytest.fixture
def figure_numbers() -> Callable[[Any], list[np.ndarray]]:
    """Return every array of numbers in a figure's data, as the browser receives them."""

    def collect(figure: Any) -> list[np.ndarray]:
        found = []
        for trace in figure.data:
            for axis in ("x", "y", "z"):
                values = getattr(trace, axis, None)
                if values is not None:
                    found.append(np.asarray(values, dtype=float))
        return found

    return collect
