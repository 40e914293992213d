"""Keeps what a probe finds of a model's first position, which decides defaults. Free of torch.

In many models the first position is an attention sink: whatever stands there, it cannot be made to
say an arbitrary token. What suits such a model reads its first token later: arrangement A4, or a
token of its own before e where that helps, and one before the memory vectors of the autoregressive
baseline. Experiments and sets take the paper's arrangement, or what is nearest to it; a text that
is trained live, also as the end of a curve, takes what is quickest.
"""

from pathlib import Path

from pydantic import Field

from explorer.base import folders
from explorer.base.language import tr
from explorer.base.provenance import Recorded
from explorer.specs.arrangements import PAPER_DEFAULT, ArrangementKey, Layout

FOLDER = "first-position"
"""Below `folders.local()`."""
SHIPPED = Path(__file__).parents[1] / "data" / "first_position"
NEARLY = 0.75
"""Share of the words said behind a sink that the first position has to say by itself."""
CLEARLY = 1.25
"""How many times as many tokens e and m have to output behind a sink for it to be offered first."""

_known: dict[str, "FirstPosition"] = {}
"""What no disk would keep, for this process."""


class FirstPosition(Recorded):
    """What a probe found of one model (`explorer.training.probing`)."""

    fingerprint: str = Field(description="SHA-256 of the model's stored weights.")
    words: int = Field(ge=1, description="Tokens that a vector was trained to say, one each.")
    alone: int = Field(ge=0, description="Said by a vector at the first position.")
    behind: int = Field(ge=0, description="Said by a vector behind the token `sink`.")
    sink: int = Field(ge=0, description="Id of that token: BOS, or where there is none another.")
    sink_text: str = Field(description="What that token is called.")
    steps: int = Field(ge=1, description="Most optimizer steps of each vector.")
    tokens: int = Field(
        0, ge=0, description="Tokens that pairs of e and m were trained to output; 0: none were."
    )
    by_paper: int = Field(0, ge=0, description="Output by them in A4, or in A5 where that suits.")
    by_sink: int | None = Field(
        None, ge=0, description="Output with the token `sink` before e; None: not tried."
    )
    pair_steps: int = Field(0, ge=0, description="Optimizer steps of each pair; 0: not tried.")
    by_mixed: int | None = Field(
        None, ge=0, description="Output with e and m mixed behind `sink`; None: not tried."
    )
    computed_in: str = Field(description="Number format of the probe.")

    @property
    def complete(self) -> bool:
        """Whether all was tried that is tried today; else the model is probed again."""
        return self.by_mixed is not None

    @property
    def can_say(self) -> bool:
        """Whether the first position can say an arbitrary token.

        It is held against what a vector behind a sink says after as many steps: words that are
        hard for this model wherever they are read do not count against its first position.
        """
        return self.alone >= NEARLY * self.behind

    @property
    def of_paper(self) -> ArrangementKey:
        """The paper's arrangement that suits: its default, unless e cannot output t1 there."""
        return PAPER_DEFAULT if self.can_say else "e+mN"

    @property
    def sink_helps(self) -> bool:
        """Whether e and m output clearly more with a token before e, after as many steps.

        Tried where e would otherwise have to be the sink: where the first position cannot say an
        arbitrary token.
        """
        return self._clearly(self.by_sink, self.by_paper)

    @property
    def arrangement(self) -> ArrangementKey:
        """The paper's arrangement, or the nearest to it: with a sink before e, where that helps."""
        return "sink+e+mN" if self.sink_helps else self.of_paper

    @property
    def quickest(self) -> ArrangementKey:
        """The arrangement in which a text is trained live: mixed, where that is clearly quicker."""
        others = max(self.by_paper, self.by_sink or 0)
        return "sink+mixed" if self._clearly(self.by_mixed, others) else self.arrangement

    @staticmethod
    def _clearly(more: int | None, others: int) -> bool:
        return more is not None and more >= max(1, CLEARLY * others)

    @property
    def layout(self) -> Layout:
        """The layout that the autoregressive baseline is given (E4)."""
        return "mem" if self.can_say else "bos+mem"

    @property
    def sentence(self) -> str:
        """What was found of the first position and of a sink before e, for a person."""
        told = self.model_dump()
        if not self.can_say:
            first = tr("This model's first position cannot output every token.")
        elif self.alone >= NEARLY * self.words:
            first = tr("This model's first position can output any token.")
        else:  # in so few steps, or at all: the probe cannot tell
            first = tr("This model's first position does as well as one behind another token.")
        said = [
            first,
            tr(
                "Of {words} words, a vector there learned {alone} within {steps} steps, and one "
                "after {sink_text} learned {behind}.",
                **told,
            ),
        ]
        if self.by_sink is not None and self.pair_steps:  # files of before say 0 where none was
            said += [
                tr("{sink_text} before e helps:", **told)
                if self.sink_helps
                else tr("{sink_text} before e does not help:", **told),
                tr(
                    "after {pair_steps} steps e and m output {by_sink} of {tokens} tokens with it "
                    "and {by_paper} without.",
                    **told,
                ),
            ]
        return " ".join(said)

    @property
    def mixing(self) -> str:
        """What was found of mixing e and m, for a person; empty: it was not tried."""
        if self.by_mixed is None:
            return ""
        others = max(self.by_paper, self.by_sink or 0)
        return tr(
            "With e and m mixed after {sink_text} they output {by_mixed} of {tokens}; with e once "
            "and then m, {others} at most.",
            others=others,
            **self.model_dump(),
        )


def keep(found: FirstPosition) -> Path:
    """Keep what was found of a model; where the disk refuses, this process knows it all the same.

    Raises:
        StorageError: if the disk refuses.
    """
    _known[found.fingerprint] = found
    file = found.keep(folders.local() / FOLDER / _name(found.fingerprint))
    _known.pop(found.fingerprint, None)
    return file


def find(fingerprint: str | None) -> FirstPosition | None:
    """Return what is known of the model with these weights, from this machine or shipped; or None.

    What cannot be read counts as not known: the probe says it again.
    """
    if fingerprint is None:
        return None
    if fingerprint in _known:  # newer than what the disk has
        return _known[fingerprint]
    for folder in (folders.local() / FOLDER, SHIPPED):
        found = FirstPosition.kept(folder / _name(fingerprint))
        if found is not None and found.fingerprint == fingerprint:
            return found
    return None


def _name(fingerprint: str) -> str:
    return f"{fingerprint[:16]}.json"
