"""What counts as shown, said before anything is measured: one rule for each finding.

Shown on the page of its experiment, and in the tooltip of its verdict (`verdicts.judged`).
"""

import math
from dataclasses import dataclass

from explorer.geometry.effects import LEAST_CONTEXTS
from explorer.specs.experiments import Name

LEVEL = 0.05
"""Share of noise that is called shown or not shown, at most."""
LEAST = math.ceil(math.log2(2 / LEVEL))
"""Units that a verdict needs: the signs of fewer give no p as small as LEVEL / 2."""
SHARED_COSTS = 0.05
"""Token accuracy that a shared vector may cost and still count as one that can be shared (F3)."""
LINEAR = (0.75, 1.25)
"""Slopes of log seconds over log N that count as roughly linear (E11)."""
MORE = 1.5
"""How many times more H_LM counts as more, and how little as alike (F7)."""


@dataclass(frozen=True)
class Rule:
    """How a finding is judged.

    Attributes:
        unit: what is independent of each other, in the singular.
        claim: what every unit is asked; the finding holds if it is so of all of them on average.
        experiment: whose runs tell, None for sets and paths.
        test: what p is found with.
        few: what else is inconclusive; empty: fewer units than the signs can tell of.
    """

    unit: str
    claim: str
    experiment: Name | None = None
    test: str = "the signs of the differences are flipped"
    few: str = ""

    @property
    def question(self) -> str:
        """What is compared, unit by unit, and how."""
        return f"{self.claim} Compared {self.unit} by {self.unit}; {self.test}."

    @property
    def answers(self) -> str:
        """Say what counts as shown, as not shown and as inconclusive."""
        few = self.few or f"fewer than {LEAST} {self.unit}s"
        return (
            f"Shown: chance alone says so at most {LEVEL / 2:.1%} of the time. Not shown: the "
            "reverse holds, by the same measure. Anything between is inconclusive, and so are "
            f"{few}."
        )


RULES: dict[str, Rule] = {
    "F1": Rule(
        "text",
        "At the longest N, 4 or more, A5 (or A4, where A5 was not run) has more tokens right than "
        "A1, and A1 is not exact.",
        "arrangements",
    ),
    "F2": Rule(
        "text",
        "At the longest N, 4 or more, A5 has more tokens right than A2, and more than A3.",
        "arrangements",
    ),
    "F3": Rule(
        "group",
        "A shared e costs less than "
        f"{SHARED_COSTS} of token accuracy, and so does a shared m: the best restart of each text "
        "against the best of the same text alone, at the largest S_g that has enough groups.",
        "sharing",
    ),
    "F4": Rule(
        "model",
        "Larger models of the one family hold longer texts, those of the other do not. A run is "
        "of one model, so it decides nothing alone.",
        "capacity",
    ),
    "F5": Rule(
        "text",
        "Natural texts are held further up the ladder than random words, and each natural source "
        "within one step of the others. Text 1 of a source is compared with text 1 of the others, "
        "and so on.",
        "capacity",
    ),
    "F6": Rule(
        "text",
        "More nats are held of the source that carries most of them a token than of the one that "
        "carries least. Text 1 is compared with text 1, and so on.",
        "capacity",
    ),
    "F7": Rule(
        "text",
        f"Token by token {MORE} times the nats of one pass are held, or more; of random words "
        f"less than {MORE} times, and more than a part in {MORE}.",
        "capacity",
    ),
    "F8": Rule(
        "context",
        "Solutions of one text are nearer to each other than to those of other texts of their "
        "context, and than to those of other contexts.",
        test="the labels of texts and contexts are permuted",
        few="too few texts for any order of the labels to be rare",
    ),
    "F9": Rule(
        "context",
        "At the same distance of the texts, by TF-IDF and by meaning, solutions of one context are "
        "nearer to each other.",
        test="contexts are resampled, and the interval of 95% is to leave out 0",
        few=f"fewer than {LEAST_CONTEXTS} contexts",
    ),
    "F10": Rule(
        "text",
        "The curve connects more than half of a text's pairs, the straight line less than half.",
    ),
    "E11": Rule(
        "text",
        f"The slope of log seconds over log N is above {LINEAR[0]} and below {LINEAR[1]}. Where a "
        "text is not exact, it takes at least the time that it was given.",
        "training-time",
    ),
    "E12": Rule(
        "context",
        "What is written after the context is nearer to the true continuation than what is "
        "written after e, m or both, with BOS before them or not.",
        "readout",
    ),
}
