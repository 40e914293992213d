"""How fast this machine trains a model: timed by jobs, kept, read by estimates. Free of torch."""

import hashlib
import json
from pathlib import Path

from pydantic import Field

from explorer.base import folders
from explorer.base.value import Value

POSITIONS = 1300
"""Positions of targets beyond which a CPU gains nothing by more rows, and needs more memory.

Sixteen rows of N = 64 run as one pass; four of N = 512 take a seventh longer as one than as two.
"""
EMBEDDED_PARAMETERS = 134_515_008
TOKEN_SECONDS = 1.8e-3 / EMBEDDED_PARAMETERS
"""Seconds of one training step for each token and parameter: two CPU cores with bfloat16."""
PASS_TOKENS, GENERATED_TOKENS = 40, 25
"""What a pass costs besides its tokens, and a token that is generated alone, in trained tokens.

On two cores and the embedded model a pass costs 80 ms besides 2 ms a token; a generated token 34 ms
on one machine, 79 on another.
"""


EXACT_FACTOR = 2.2
"""What a step of one row costs in float32, in those of bfloat16: 1.8 at N = 2, 2.5 at N = 8."""


class StepTime(Value):
    """A timed training step, in pieces that add up to any other: passes, and their tokens."""

    model: str = Field(description="Name, hub id or folder of the model.")
    precision: str = Field(description="Number format that the recipe asks for.")
    token_seconds: float = Field(
        gt=0, description="Seconds of a step for each row and target token of a batch."
    )
    pass_seconds: float | None = Field(
        None, ge=0, description="Seconds of a step for each pass, whatever its size."
    )
    generate_seconds: float | None = Field(
        None, gt=0, description="Seconds for a token that is generated alone."
    )
    most_positions: int = Field(
        POSITIONS, ge=1, description="Positions of targets that one pass of training takes."
    )
    exact_factor: float = Field(
        1.0, gt=0, description="What a step of one row costs in float32, in those of the search."
    )

    @property
    def a_pass(self) -> float:
        """Seconds for each pass; usual ones where only tokens were timed."""
        return PASS_TOKENS * self.token_seconds if self.pass_seconds is None else self.pass_seconds

    @property
    def a_generated_token(self) -> float:
        """Seconds for a token that is generated alone."""
        return self.generate_seconds or GENERATED_TOKENS * self.token_seconds

    def step_seconds(self, rows: float, length: int) -> float:
        """Return how long a step takes.

        Args:
            rows: in training, as many in a pass as the device takes.
            length: target tokens of each.
        """
        passes = max(1, -(-rows // max(1, self.most_positions // length)))
        return passes * self.a_pass + rows * length * self.token_seconds

    def exact_step(self, length: int) -> float:
        """Return how long a step of one row in float32 takes, which texts are finished in."""
        return self.exact_factor * self.step_seconds(1, length)


def assumed(parameters: int | None) -> StepTime:
    """Return the step time of two CPU cores with bfloat16, where nothing was timed yet.

    Args:
        parameters: of the model; None counts as the embedded model's.
    """
    each = TOKEN_SECONDS * (parameters or EMBEDDED_PARAMETERS)
    return StepTime(model="", precision="auto", token_seconds=each, exact_factor=EXACT_FACTOR)


def expected(model: str, precision: str, parameters: int | None) -> StepTime:
    """Return the step time that was measured last, else what a model of that size may take."""
    return find(model, precision) or assumed(parameters)


def keep(step_time: StepTime) -> Path:
    """Keep the newest step time of a model and number format.

    Raises:
        StorageError: if the disk refuses.
    """
    return step_time.keep(_file(step_time.model, step_time.precision))


def find(model: str, precision: str) -> StepTime | None:
    """Return the step time that was measured last; None if none was or it cannot be read."""
    return StepTime.kept(_file(model, precision))


def _file(model: str, precision: str) -> Path:
    name = hashlib.sha256(json.dumps([model, precision]).encode()).hexdigest()[:16]
    return folders.local() / "paces" / f"{name}.json"
