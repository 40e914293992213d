"""What the token strip shows: what the model says at every position, at every point of something.

A point is a frame of a training, a point of a path, or a point of a plane.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from explorer.base.language import tr
from explorer.figures.paths import LINE_NAME, curve_name
from explorer.landscape.result import Landscape
from explorer.paths.header import TextInfo
from explorer.paths.result import Paths
from explorer.solutions.recording import Recording, RecordingHeader

Groups = Sequence[tuple[int, int, str]]
COLUMNS = ("predicted", "p", "rank")
"""What is known of every position, in recordings and in results alike."""


def strip(
    text: TextInfo | RecordingHeader,
    pieces: dict[int, str],
    labels: Sequence[str],
    columns: Sequence[np.ndarray],
) -> dict[str, Any]:
    """Return plain values for the token strip.

    Args:
        text: the target; its groups are tokens that are shown as one, none: each by itself.
        pieces: what token ids say.
        labels: names of the R lines.
        columns: predicted, p and rank, each (F, R, N).

    Returns:
        `labels`, `groups`, `targets`, `pieces` (id to text), `steps` (0 to F - 1), `predicted`,
        `p` (percent) and `rank`.
    """
    predicted, p, rank = columns
    targets = text.target_ids
    percent = np.nan_to_num(p.astype(np.float32)).clip(0, 1) * 100
    return {
        "labels": list(labels),
        "groups": [list(group) for group in text.groups]
        or [[i, i + 1, ""] for i in range(len(targets))],
        "targets": list(targets),
        "pieces": {str(i): pieces.get(i, "�") for i in np.union1d(predicted, targets).tolist()},
        "steps": list(range(len(predicted))),
        "predicted": predicted.tolist(),
        "p": percent.round().astype(int).tolist(),
        "rank": rank.tolist(),
    }


def strip_data(recording: Recording, restarts: Sequence[int], *, play: bool) -> dict[str, Any]:
    """Return the strip of a training, a point a frame.

    Args:
        recording: the run.
        restarts: indices of the restarts to show, one line each.
        play: send every frame until these restarts are over, to be played back; else the newest.

    Returns:
        As `strip`; `steps` are of the restart shown or, of several, of the one with most, and
        `whose` says so.
    """
    header, at = recording.header, list(restarts)
    frames = _until_over(recording.frames, at) if play else recording.frames[-1:]
    columns = [frames[name][:, at] for name in COLUMNS]
    labels = [tr("seed {seed}", seed=header.seeds[k]) for k in at]
    return strip(header, header.pieces, labels, columns) | {
        "steps": frames["steps"][:, at].max(axis=1).tolist() if at else [],
        "whose": " " + tr("of the restart furthest on") if len(at) > 1 else "",
    }


def _until_over(frames: np.ndarray, restarts: list[int]) -> np.ndarray:
    """Leave out frames in which only other restarts trained; the last holds the final score."""
    steps = frames["steps"][:, restarts]
    end = int((steps == steps[-1:]).all(axis=1).argmax()) if len(frames) else 0
    return np.concatenate([frames[:end], frames[-1:]])


def walk_data(paths: Paths, pair: int) -> dict[str, Any]:
    """Return the strip of a walk along t: one line for each path."""
    both = (paths.line, paths.curve)
    columns = [np.stack([getattr(p, name)[pair] for p in both], axis=1) for name in COLUMNS]
    names = [tr(LINE_NAME), tr(curve_name(paths))]
    accuracy = zip(paths.t, *(path.accuracy[pair] for path in both), strict=True)
    return strip(paths.text(pair), paths.header.pieces, names, columns) | {
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
    return strip(found.header.text, found.header.pieces, [tr("here")], columns)


def preview_data(
    ids: list[int], groups: Groups, pieces: list[str], length: int, altered: Sequence[int] = ()
) -> dict[str, Any]:
    """Return the strip of a text before training: its target tokens, and those left out.

    Args:
        ids: the text's first tokens.
        groups: of them, as they are shown.
        pieces: what each token shows as.
        length: how many of them are the target.
        altered: groups that say something else than was typed; they are marked.
    """
    return {
        "groups": [list(group) for group in groups],
        "targets": ids,
        "pieces": {str(i): piece for i, piece in zip(ids, pieces, strict=True)},
        "length": length,
        "altered": list(altered),
    }
