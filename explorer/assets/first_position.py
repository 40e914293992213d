"""What a model's first position can say: found once by a probe, read by defaults. Free of torch.

In many models the first position is an attention sink: whatever stands there, it cannot be made to
say an arbitrary token. What suits such a model reads its first token later: arrangement A4, and a
token before the memory vectors of the autoregressive baseline.
"""

from pathlib import Path

from pydantic import Field, ValidationError

from explorer.base import folders
from explorer.base.files import write_atomically
from explorer.base.value import Value
from explorer.specs.arrangements import PAPER_DEFAULT, ArrangementKey, Layout

SHIPPED = Path(__file__).parents[1] / "data" / "first_position"
NEARLY = 0.75
"""Share of the words said behind a sink that the first position has to say by itself."""


class FirstPosition(Value):
    """What a probe found of one model (`explorer.training.probing`)."""

    fingerprint: str = Field(description="SHA-256 of the model's stored weights.")
    words: int = Field(ge=1, description="Tokens that a vector was trained to say, one each.")
    alone: int = Field(ge=0, description="Said by a vector at the first position.")
    behind: int = Field(ge=0, description="Said by a vector behind the token `sink`.")
    sink: int = Field(ge=0, description="Id of that token: BOS, or where there is none another.")
    sink_text: str = Field(description="What that token is called.")
    steps: int = Field(ge=1, description="Most optimiser steps of each vector.")
    computed_in: str = Field(description="Number format of the probe.")

    @property
    def can_say(self) -> bool:
        """Whether the first position can say an arbitrary token.

        It is held against what a vector behind a sink says after as many steps: words that are
        hard for this model wherever they are read do not count against its first position.
        """
        return self.alone >= NEARLY * self.behind

    @property
    def arrangement(self) -> ArrangementKey:
        """The arrangement that is offered first: the paper's, unless e cannot say t1 there."""
        return PAPER_DEFAULT if self.can_say else "e+mN"

    @property
    def layout(self) -> Layout:
        """The layout that the autoregressive baseline is given (E4)."""
        return "mem" if self.can_say else "bos+mem"

    @property
    def sentence(self) -> str:
        """What was found, for a person."""
        can = "can" if self.can_say else "cannot"
        return (
            f"This model's first position {can} say an arbitrary token: of {self.words} words a "
            f"vector there learned {self.alone} within {self.steps} steps, and {self.behind} "
            f"behind {self.sink_text}."
        )


def keep(found: FirstPosition) -> Path:
    """Keep what was found of a model.

    Raises:
        StorageError: if the disk refuses.
    """
    return write_atomically(
        folders.local() / "first-position" / _name(found.fingerprint),
        found.model_dump_json(indent=1).encode(),
    )


def find(fingerprint: str | None) -> FirstPosition | None:
    """Return what is known of the model with these weights, from this machine or shipped; or None.

    What cannot be read counts as not known: the probe says it again.
    """
    if fingerprint is None:
        return None
    for folder in (folders.local() / "first-position", SHIPPED):
        try:
            found = FirstPosition.model_validate_json((folder / _name(fingerprint)).read_bytes())
        except (OSError, ValidationError):
            continue
        if found.fingerprint == fingerprint:
            return found
    return None


def _name(fingerprint: str) -> str:
    return f"{fingerprint[:16]}.json"
