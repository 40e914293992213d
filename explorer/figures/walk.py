"""What the token strip shows of a path or a plane: the text at every point."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from explorer.figures.paths import LINE_NAME, curve_name
from explorer.landscape.result import Landscape
from explorer.paths.header import TextInfo
from explorer.paths.result import Paths

COLUMNS = ("predicted", "p", "rank")


def walk_data(paths: Paths, pair: int) -> dict[str, Any]:
    """Return plain values for a strip that walks along t: one line for each path."""
    both = (paths.line, paths.curve)
    captions = [
        f"t {t:.2f}: line {line:.0%}, curve {curve:.0%}"
        for t, line, curve in zip(
            paths.t, paths.line.accuracy[pair], paths.curve.accuracy[pair], strict=True
        )
    ]
    return frames(
        paths.text(pair),
        paths.header.pieces,
        [LINE_NAME, curve_name(paths)],
        *(
            np.stack([getattr(p, n)[pair] for p in both], axis=1)
            for n in ("predicted", "p", "rank")
        ),
    ) | {
        "captions": captions,
        "start": len(captions) // 2,
        "slider": "Where on the path, t from 0 to 1",
    }


def point_data(found: Landscape, row: int, column: int) -> dict[str, Any]:
    """Return plain values for a strip of one grid point."""
    at = (row, column)
    columns = (getattr(found, name)[at][None, None] for name in COLUMNS)
    return frames(found.header.text, found.header.pieces, ["here"], *columns)


def frames(
    text: TextInfo,
    pieces: dict[int, str],
    labels: Sequence[str],
    predicted: np.ndarray,
    p: np.ndarray,
    rank: np.ndarray,
) -> dict[str, Any]:
    """Return plain values for a strip: one line for each label, one frame for each step.

    Args:
        text: the target.
        pieces: what token ids say.
        labels: of the R lines.
        predicted: token ids, (F, R, N).
        p: probability of the target there.
        rank: of the target.
    """
    groups = [list(g) for g in text.groups] or [[i, i + 1, ""] for i in range(len(text.target_ids))]
    ids = np.union1d(predicted, text.target_ids).tolist()
    percent = np.nan_to_num(p.astype(np.float32)) * 100
    return {
        "labels": list(labels),
        "groups": groups,
        "targets": list(text.target_ids),
        "pieces": {str(i): pieces.get(i, "�") for i in ids},
        "steps": list(range(len(predicted))),
        "predicted": predicted.tolist(),
        "p": percent.round().astype(int).tolist(),
        "rank": rank.tolist(),
    }
