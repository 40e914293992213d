"""What the token strip shows of a path or a plane: the text at every point."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from explorer.base.language import tr
from explorer.figures.paths import LINE_NAME, curve_name
from explorer.figures.strip import strip
from explorer.landscape.result import Landscape
from explorer.paths.header import TextInfo
from explorer.paths.result import Paths

COLUMNS = ("predicted", "p", "rank")


def walk_data(paths: Paths, pair: int) -> dict[str, Any]:
    """Return the strip of a walk along t: one line for each path."""
    both = (paths.line, paths.curve)
    columns = [np.stack([getattr(p, name)[pair] for p in both], axis=1) for name in COLUMNS]
    names = [tr(LINE_NAME), tr(curve_name(paths))]
    accuracy = zip(paths.t, *(path.accuracy[pair] for path in both), strict=True)
    return frames(paths.text(pair), paths.header.pieces, names, columns) | {
        "captions": [
            tr(
                "t {t}: line {line}, curve {curve}",
                t=f"{t:.2f}",
                line=f"{line:.0%}",
                curve=f"{curve:.0%}",
            )
            for t, line, curve in accuracy
        ],
        "start": len(paths.t) // 2,
        "slider": tr("Position on the path, t from 0 to 1"),
    }


def point_data(found: Landscape, row: int, column: int) -> dict[str, Any]:
    """Return the strip of one grid point."""
    columns = [getattr(found, name)[row, column][None, None] for name in COLUMNS]
    return frames(found.header.text, found.header.pieces, [tr("here")], columns)


def frames(
    text: TextInfo, pieces: dict[int, str], labels: Sequence[str], columns: Sequence[np.ndarray]
) -> dict[str, Any]:
    """Return a strip of one line for each label, and one frame for each step.

    Args:
        text: the target.
        pieces: what token ids say.
        labels: of the R lines.
        columns: token ids, p and rank of the target, (F, R, N) each.
    """

    def say(ids: list[int]) -> list[str]:
        return [pieces.get(i, "�") for i in ids]

    return strip(labels, text.groups, text.target_ids, say, columns)
