"""A made-up run in progress, for those who watch it."""

import json
from typing import Any

import numpy as np

from explorer.base.database import JobRow, transaction
from explorer.jobs import client
from explorer.solutions.recording import RecordingHeader, RecordingLog
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import FAST

HEADER = RecordingHeader(
    model="made up", target_ids=[5, 6, 7], seeds=[3, 4], d_model=8, arrangement="e+mN"
)


def begin() -> str:
    """Queue a job and return its id."""
    spec = ReconstructSpec(
        model="made up", text="a b c", length=3, arrangement="e+mN", recipe=FAST, restarts=2, seed=3
    )
    return client.submit(spec)


def frame(step: int, predicted: list[list[int]], header: RecordingHeader = HEADER) -> Any:
    made = np.zeros(1, dtype=header.frame_dtype)
    made["step"], made["seconds"], made["steps"] = step, step / 10, step
    made["predicted"], made["p"], made["rank"] = predicted, 0.25, 1
    made["loss"] = 5 / (step + 1)
    made["accuracy"] = (np.array(predicted) == header.target_ids).mean(1)
    return made


def log_of(job: str) -> RecordingLog:
    client.folder_of(job).mkdir(parents=True, exist_ok=True)
    return RecordingLog(client.folder_of(job), HEADER)


def change(job: str, *, result: dict[str, Any] | None = None, **columns: Any) -> None:
    """Change a job's row as its worker would."""
    with transaction() as session:
        row = session.get(JobRow, job)
        assert row is not None
        for name, value in columns.items():
            setattr(row, name, value)
        if result is not None:
            row.result = json.dumps(result)


def say(ids: list[int]) -> list[str]:
    return [f"<{i}>" for i in ids]


class Viewer:
    """What a page makes of the messages it hears (`widgets/live_state.js`)."""

    def __init__(self) -> None:
        self.status: dict[str, Any] = {}
        self.steps: list[int] = []
        self.ids: dict[int, int] = {}
        self.pieces: dict[str, str] = {}
        self.resets = 0

    def hear(self, text: str) -> None:
        from base64 import b64decode

        message = json.loads(text)
        if message.get("reset"):
            self.resets += 1
            self.steps, self.ids, self.pieces = [], {}, {}
        self.status = message.get("status", self.status)
        self.pieces |= message.get("head", {}).get("pieces", {})
        if "frames" in message:
            steps = np.frombuffer(b64decode(message["frames"]["step"]), "<i4").tolist()
            assert len(steps) == message["frames"]["count"]
            self.steps += steps
        said = message.get("said", {"cells": [], "ids": [], "pieces": {}})
        self.ids |= dict(zip(said["cells"], said["ids"], strict=True))
        self.pieces |= said["pieces"]

    @property
    def text(self) -> list[str]:
        """What all positions say; KeyError if a piece was never sent."""
        return [self.pieces[str(self.ids[cell])] for cell in sorted(self.ids)]
