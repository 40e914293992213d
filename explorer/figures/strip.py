"""What the token strip shows: for each frame, what the model says at every position."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from explorer.solutions.recording import Recording


def strip_data(
    recording: Recording,
    restarts: Sequence[int],
    say: Callable[[list[int]], list[str]],
    *,
    play: bool,
) -> dict[str, Any]:
    """Return plain values for the token strip.

    Args:
        recording: the run.
        restarts: indices of the restarts to show, one line each.
        say: token ids to what each says.
        play: send every frame, to be played back; else only the newest.

    Returns:
        `labels` (R), `groups` ([start, stop, text]), `targets` (N ids), `pieces` (id to text),
        `steps` (F, of the restart shown or, of several, the one with most) and `whose` they are,
        `predicted`, `p` (percent) and `rank` (F x R x N).
    """
    header = recording.header
    frames = recording.frames if play else recording.frames[-1:]
    at = list(restarts)
    predicted = frames["predicted"][:, at]
    ids = np.union1d(predicted, header.target_ids).tolist()
    percent = np.nan_to_num(frames["p"][:, at].astype(np.float32)) * 100
    return {
        "labels": [f"seed {header.seeds[k]}" for k in at],
        "groups": [list(group) for group in header.groups]
        or [[i, i + 1, ""] for i in range(len(header.target_ids))],
        "targets": list(header.target_ids),
        "pieces": {str(i): piece for i, piece in zip(ids, say(ids), strict=True)},
        "steps": frames["steps"][:, at].max(axis=1).tolist() if at else [],
        "whose": " of the restart furthest on" if len(at) > 1 else "",
        "predicted": predicted.tolist(),
        "p": percent.round().astype(int).tolist(),
        "rank": frames["rank"][:, at].tolist(),
    }


def preview_data(
    ids: list[int],
    groups: Sequence[tuple[int, int, str]],
    pieces: list[str],
    length: int,
    altered: Sequence[int] = (),
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
