"""What those who watch a job are told: its state, and its frames, each thing once. Free of torch.

Plain values, ready for JSON. Columns of frames travel as base64 of little-endian numbers: a
history of 200 frames takes a millisecond to write so, and a browser reads it as it is.
"""

import base64
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, select

from explorer.base.database import JobRow, transaction
from explorer.base.errors import ExplorerError
from explorer.base.formatting import nats
from explorer.base.language import elsewhere, tr
from explorer.experiments import runs
from explorer.jobs import client
from explorer.paths import places
from explorer.paths.result import FILE
from explorer.solutions import sets, store
from explorer.solutions.recording import LIVE, LOG, PHASES, Recording, RecordingHeader, read_newest

MOST_CELLS = 400_000
"""Probabilities in a history, at most: of a run with more, fewer frames are sent."""
FEWEST_FRAMES = 20
GONE = "gone"
"""The state of a job that is not there (any more)."""

Say = Callable[[list[int]], list[str]]
"""Token ids to what each says."""

Stamp = tuple[int, int, int]
"""Tells a file from what it was before: when it was written, its inode, its size."""

DONE = PHASES.index("done")

COLUMNS = {
    "step": "<i4",
    "seconds": "<f4",
    "steps": "<i4",
    "loss": "<f4",
    "accuracy": "<f4",
    "phase": "u1",
}
"""Columns of a frame that are sent as they are, and as which numbers."""


@dataclass(frozen=True)
class Poll:
    """What one poll of a job has found.

    Attributes:
        status: `status_of` its row; None if that was not read.
        stamp: tells the newest frame from others; None while there is none.
        newest: the newest frame; None if it is the one of last time.
    """

    status: dict[str, Any] | None
    stamp: Stamp | None = None
    newest: Recording | None = None


_ROWS = select(
    JobRow.id, JobRow.kind, JobRow.state, JobRow.requested.label("requested"), JobRow.fraction,
    JobRow.sentence, JobRow.error, JobRow.result,
).where(JobRow.id.in_(bindparam("jobs", expanding=True)))  # fmt: skip


def poll(watched: Mapping[str, Stamp | None], *, rows: bool = True) -> dict[str, Poll]:
    """Look at several jobs at once: one query for all, and of each the newest frame if it is new.

    Args:
        watched: for each job's id the stamp of the frame that is known.
        rows: whether to read what the catalogue says of them.

    Raises:
        StorageError: if the catalogue cannot be read.
    """
    known: dict[str, Any] = {}
    if rows:
        with transaction() as session:
            plain = session.connection()  # a third cheaper than through the session
            known = {row.id: row for row in plain.execute(_ROWS, {"jobs": list(watched)})}
    folder = client.folder_of("")
    found = {}
    for job, stamp in watched.items():
        status = None if not rows else status_of(known[job]) if job in known else NOT_THERE
        found[job] = _newest(folder / job, status, stamp)
        if found[job].stamp is None:  # it is over, or has not begun
            found[job] = _last(job, status)
    return found


NOT_THERE = {"state": GONE, "over": True, "stamp": GONE, "sentence": "", "fraction": 0.0}


def _newest(folder: Path, status: dict[str, Any] | None, known: Stamp | None) -> Poll:
    stamp = _stamp(folder / LIVE) or _stamp(folder / LOG)
    if stamp is None or stamp == known:
        return Poll(status, known)
    newest = read_newest(folder)
    return Poll(status, stamp if newest else known, newest)


def _last(job: str, status: dict[str, Any] | None) -> Poll:
    """Look at the recording of a run that is over, for somebody who comes only now."""
    whole = recorded(job)
    if whole is None:
        return Poll(status)
    newest = Recording(whole.header, whole.frames[-1:])
    return Poll(status, _stamp(store.run_folder(job) / store.RECORDING), newest)


def recorded(job: str) -> Recording | None:
    """Return the recording of a run that is over, or None if there is none that can be read."""
    file = store.run_folder(job) / store.RECORDING
    if not file.is_file():
        return None
    whole = store.recording_of(file)
    return whole if whole is not None and len(whole) else None


def _stamp(file: Path) -> Stamp | None:
    try:
        found = os.stat(file)  # noqa: PTH116 (several times a second, for every job)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def status_of(row: Any) -> dict[str, Any]:
    """Return what a page shows of a job besides its frames.

    Args:
        row: has the columns of `_ROWS`.
    """
    result: dict[str, Any] = json.loads(row.result)
    over = row.state in client.OVER
    status = {
        "state": _state_in_words(row.state, row.requested),
        "over": over,
        "fraction": round(row.fraction, 4),
        "sentence": row.error or row.sentence,
        "stamp": f"{over:d}.{row.requested}.{revision(row.id, row.kind, result)}",
    }
    if isinstance(h_lm := result.get("h_lm"), int | float):
        status["h_lm"] = nats(h_lm)
    if isinstance(text := result.get("text"), str):
        status["text"] = text
    return status


def noted(status: dict[str, Any], note: str) -> dict[str, Any]:
    """Return a status with why nothing moves, and both its sentences in other languages."""
    said = {"sentence": status["sentence"], "note": "" if status["over"] else note}
    return status | said | {"elsewhere": {name: elsewhere(text) for name, text in said.items()}}


def _state_in_words(state: str, requested: str) -> str:
    if requested == "stop" and state not in client.OVER:
        return "stopping"
    return "pausing" if requested == "pause" and state == "running" else state


def stamp_of(job: client.Job) -> str:
    """Return the stamp of what a page would draw of a job now: when it changes, draw again."""
    return f"{job.over:d}.{job.requested}.{revision(job.id, job.spec.kind, job.result)}"


def revision(job: str, kind: str, result: Mapping[str, Any]) -> int:
    """Return a number that changes when what a job has made on the disk changes; 0 for nothing.

    Frames of a run in progress do not count: they are sent themselves.
    """
    files: list[Path] = []
    if kind == "paths":
        files = [places.folder_of(job) / FILE]
    elif kind == "landscape":
        files = [places.folder_of(job) / places.LANDSCAPE]
    elif isinstance(name := result.get("set"), str):
        files = [sets.folder_of(name) / sets.SET_FILE]
    elif isinstance(name := result.get("run"), str):
        run = runs.folder_of(name)
        files = [run / runs.HEADER_FILE, run / runs.CELLS_FILE]
    return max((stamp[0] for file in files if (stamp := _stamp(file))), default=0)


def worker_note() -> str:
    """Start a worker if there is none; say why nothing moves, or nothing if it does."""
    try:
        started = client.ensure_workers()
        status = client.worker_status()
    except ExplorerError as error:
        return str(error)
    if started:
        return tr("The worker had stopped; a new one is starting and goes on where it was.")
    if not status.ready:
        return tr("The worker is starting: it loads its libraries and the model once.")
    if status.ahead > 1:
        if status.ahead == 2:
            return tr("1 other job shares the machine; each has its turn.")
        return tr("{jobs} other jobs share the machine; each has its turn.", jobs=status.ahead - 1)
    return ""


def head(header: RecordingHeader, say: Say) -> dict[str, Any]:
    """Return what all frames of a run share."""
    targets = list(header.target_ids)
    return {
        "seeds": list(header.seeds),
        "targets": targets,
        "groups": [list(group) for group in header.groups]
        or [[i, i + 1, ""] for i in range(len(targets))],
        "pieces": _pieces(targets, say),
    }


def columns(frames: NDArray[Any]) -> dict[str, Any]:
    """Return frames (F,) as columns: `COLUMNS`, F x K or F, and `p`, percent, F x K x N."""
    percent = np.nan_to_num(frames["p"].astype(np.float32)) * 100
    sent = {name: _packed(frames[name], kind) for name, kind in COLUMNS.items()}
    return {"count": len(frames), **sent, "p": _packed(np.rint(percent), "u1")}


def _packed(values: NDArray[Any], kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()


def said(before: Recording | None, newest: Recording, say: Say) -> dict[str, Any]:
    """Return what the newest frame says where it is not what the one before has said.

    Args:
        before: a frame of the same run that whoever is told this has; None: none.
        newest: the newest frame.
        say: token ids to texts.

    Returns:
        `best`, the restart that is furthest; `cells`, positions in K x N that changed, `ids` and
        `ranks` there; `pieces`, what those ids say that were not in sight before.
    """
    ids, ranks = (newest.frames[-1][name].ravel() for name in ("predicted", "rank"))
    seen = np.array(newest.header.target_ids)
    changed = np.ones(len(ids), bool)
    if before is not None:
        old = before.frames[-1]["predicted"].ravel()
        changed = (ids != old) | (ranks != before.frames[-1]["rank"].ravel())
        seen = np.union1d(seen, old)
    cells = np.flatnonzero(changed)
    return {
        "best": newest.best,
        "cells": cells.tolist(),
        "ids": ids[cells].tolist(),
        "ranks": ranks[cells].tolist(),
        "pieces": _pieces(np.setdiff1d(ids[cells], seen).tolist(), say),
    }


def _pieces(ids: Iterable[int], say: Say) -> dict[str, str]:
    wanted = list(dict.fromkeys(ids))
    return {str(i): piece for i, piece in zip(wanted, say(wanted), strict=True)}


def history(whole: Recording, newest: Recording, say: Say) -> dict[str, Any]:
    """Return everything about a run up to its newest frame, for somebody who knows nothing of it.

    Args:
        whole: all its frames that were kept; those after the newest are left out.
        newest: the newest frame.
        say: token ids to texts.
    """
    frames = whole.frames[whole.frames["step"] <= newest.frames["step"][-1]]
    if not len(frames) or frames["step"][-1] != newest.frames["step"][-1]:
        frames = np.concatenate([frames, newest.frames])
    most = max(FEWEST_FRAMES, MOST_CELLS // max(1, frames["p"][0].size))
    if len(frames) > most:
        frames = frames[np.linspace(0, len(frames) - 1, most).round().astype(int)]
    return {
        "head": head(newest.header, say),
        "frames": columns(frames),
        "said": said(None, newest, say),
    }


def difference(
    before: Recording, newest: Recording, say: Say, whole: Recording | None = None
) -> dict[str, Any]:
    """Return what the newest frame adds for somebody who has the frame before it.

    Args:
        before: the frame that is known.
        newest: the newest.
        say: token ids to texts.
        whole: all frames that were kept, where nobody has looked for a while: those in between are
            added. None: there are none.
    """
    frames = newest.frames
    if whole is not None and whole.header == newest.header:
        steps = whole.frames["step"]
        between = (steps > before.frames["step"][-1]) & (steps < newest.frames["step"][-1])
        frames = np.concatenate([whole.frames[between], frames])
    return {"frames": columns(frames), "said": said(before, newest, say)}


def goes_on(before: Recording, newest: Recording) -> bool:
    """Whether a frame follows another of the same run, which has not gone back or begun anew."""
    same = before.header == newest.header
    return same and bool(newest.frames["step"][-1] > before.frames["step"][-1])


def is_same(before: Recording | None, newest: Recording) -> bool:
    """Whether a frame is the one before; its file may have changed while it was read."""
    return (
        before is not None
        and before.header == newest.header
        and before.frames.tobytes() == newest.frames.tobytes()
    )


def is_last(newest: Recording | None) -> bool:
    """Whether in a frame all restarts are over."""
    return newest is not None and bool((newest.frames["phase"][-1] == DONE).all())


def text(job: str, message: Mapping[str, Any]) -> str:
    """Return a message about a job or a board as it is sent."""
    return json.dumps({"job": job} | dict(message), separators=(",", ":"), allow_nan=False)
