"""What the token strip shows: what the model says at every position, at every point of something.

A point is a frame of a training, a point of a path, or a point of a plane.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from explorer.base.language import tr
from explorer.solutions.recording import Recording

Groups = Sequence[tuple[int, int, str]]


def strip(
    labels: Sequence[str],
    groups: Groups,
    targets: Sequence[int],
    say: Callable[[list[int]], list[str]],
    columns: Sequence[np.ndarray],
) -> dict[str, Any]:
    """Return plain values for the token strip.

    Args:
        labels: names of the R lines.
        groups: tokens that are shown as one, as start, stop, text; none: each by itself.
        targets: N token ids.
        say: token ids to what each says.
        columns: predicted, p and rank, each (F, R, N).

    Returns:
        `labels`, `groups`, `targets`, `pieces` (id to text), `steps` (0 to F - 1), `predicted`,
        `p` (percent) and `rank`.
    """
    predicted, p, rank = columns
    ids = np.union1d(predicted, targets).tolist()
    percent = np.nan_to_num(p.astype(np.float32)) * 100
    return {
        "labels": list(labels),
        "groups": [list(group) for group in groups]
        or [[i, i + 1, ""] for i in range(len(targets))],
        "targets": list(targets),
        "pieces": {str(i): piece for i, piece in zip(ids, say(ids), strict=True)},
        "steps": list(range(len(predicted))),
        "predicted": predicted.tolist(),
        "p": percent.round().astype(int).tolist(),
        "rank": rank.tolist(),
    }


def strip_data(
    recording: Recording,
    restarts: Sequence[int],
    say: Callable[[list[int]], list[str]],
    *,
    play: bool,
) -> dict[str, Any]:
    """Return the strip of a training, a point a frame.

    Args:
        recording: the run.
        restarts: indices of the restarts to show, one line each.
        say: token ids to what each says.
        play: send every frame until these restarts are over, to be played back; else the newest.

    Returns:
        As `strip`; `steps` are of the restart shown or, of several, of the one with most, and
        `whose` says so.
    """
    header, at = recording.header, list(restarts)
    frames = _until_over(recording.frames, at) if play else recording.frames[-1:]
    columns = [frames[name][:, at] for name in ("predicted", "p", "rank")]
    labels = [tr("seed {seed}", seed=header.seeds[k]) for k in at]
    return strip(labels, header.groups, header.target_ids, say, columns) | {
        "steps": frames["steps"][:, at].max(axis=1).tolist() if at else [],
        "whose": " " + tr("of the restart furthest on") if len(at) > 1 else "",
    }


def _until_over(frames: np.ndarray, restarts: list[int]) -> np.ndarray:
    """Leave out frames in which only other restarts trained; the last holds the final score."""
    steps = frames["steps"][:, restarts]
    end = int((steps == steps[-1:]).all(axis=1).argmax()) if len(frames) else 0
    return np.concatenate([frames[:end], frames[-1:]])


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
