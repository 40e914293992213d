"""What counts as shown, said before anything is measured: one rule for each finding.

Shown on the page of its experiment, and in the tooltip of its verdict (`verdicts.judged`).
"""

import math
from dataclasses import dataclass

from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.geometry.effects import LEAST_CONTEXTS
from explorer.specs.experiments import Name

LEVEL = 0.05
"""Share of noise that is called shown or not shown, at most."""
LEAST = math.ceil(math.log2(2 / LEVEL))
"""Units that a verdict needs: the signs of fewer give no p as small as LEVEL / 2."""
SHARED_COSTS = 0.05
"""Token accuracy that a shared vector may cost and still count as one that can be shared (F3)."""
LEADS = 0.05
"""Share of tokens by which one order has to lead another to count as better (F2): less is what a
token at one position makes, such as the first, which no order gets right in some models."""
LINEAR = (0.75, 1.25)
"""Slopes of log seconds over log N that count as roughly linear (E11)."""
AHEAD = 1
"""Steps of the ladder, or more, that natural texts are ahead of random words in the paper, for each
of its models (F5; Table 3, m not shared)."""
MORE = 1.5
"""How many times more H_LM counts as more, and how little as alike (F7)."""


@dataclass(frozen=True)
class Rule:
    """How a finding is judged.

    Attributes:
        unit: what is independent of each other, in the singular.
        claim: what every unit is asked, with places for the numbers above; the finding holds if it
            is so of all of them on average.
        experiment: whose runs tell, None for sets and paths.
        test: what p is found with; empty: a person has to compare runs, none is tested.
        few: what else is inconclusive; empty: fewer units than the signs can tell of.
    """

    unit: str
    claim: str
    experiment: Name | None = None
    test: str = later("the signs of the differences are flipped")
    few: str = ""

    @property
    def question(self) -> str:
        """What is compared, unit by unit, and how."""
        numbers = {"costs": SHARED_COSTS, "leads": LEADS, "more": MORE, "ahead": AHEAD}
        claim = tr(self.claim, low=LINEAR[0], high=LINEAR[1], **numbers)
        if not self.test:
            return claim
        compared = tr("Compared {unit} by {unit}; {test}.", unit=tr(self.unit), test=tr(self.test))
        return f"{claim} {compared}"

    @property
    def answers(self) -> str:
        """Say what counts as shown, as not shown and as inconclusive."""
        if not self.test:
            return tr(
                "No run is tested for it, so it stays inconclusive. Measure several models, and "
                "compare them with Table 3 on the page Paper vs here."
            )
        few = (
            tr(self.few, contexts=LEAST_CONTEXTS)
            if self.few
            else tr("fewer than {units}", units=counted(LEAST, self.unit))
        )
        return tr(
            "Shown: chance alone says so at most {level} of the time. Not shown: the reverse "
            "holds, by the same measure. Anything between is inconclusive, and so are {few}.",
            level=f"{LEVEL / 2:.1%}",
            few=few,
        )


TEXT, GROUP, MODEL, CONTEXT = later("text"), later("group"), later("model"), later("context")
RULES: dict[str, Rule] = {
    "F1": Rule(
        TEXT,
        later(
            "At the longest N, 4 or more, A5 (or A4, where A5 was not run) has more tokens right "
            "than A1, and A1 is not exact."
        ),
        "arrangements",
    ),
    "F2": Rule(
        TEXT,
        later(
            "At the longest N, 4 or more, A5 leads A2 by more than {leads} of the tokens, and A3 "
            "by as much."
        ),
        "arrangements",
    ),
    "F3": Rule(
        GROUP,
        later(
            "In most groups a shared e costs less than {costs} of token accuracy, and in most a "
            "shared m does: the best restart of each text against the best of the same text alone, "
            "on average over the texts of a group, at the largest S_g that has enough groups. "
            "Whether it costs less counts, not how much less."
        ),
        "sharing",
    ),
    "F4": Rule(
        MODEL,
        later(
            "Larger models of the one family hold longer texts, those of the other do not. A run "
            "is of one model, so it decides nothing alone."
        ),
        "capacity",
        test="",
    ),
    "F5": Rule(
        TEXT,
        later(
            "Natural texts are held further up the ladder than random words, and each natural "
            "source is within one step of the others. Text 1 of a source is compared with text 1 "
            "of the others, and so on. In the paper natural texts are {ahead} step or more ahead "
            "for every model (Table 3), so a lead of less than that speaks against it."
        ),
        "capacity",
    ),
    "F6": Rule(
        TEXT,
        later(
            "Two vectors hold more nats of the source with the most nats per token than of the one "
            "with the fewest. Text 1 is compared with text 1, and so on."
        ),
        "capacity",
    ),
    "F7": Rule(
        TEXT,
        later(
            "Token by token, with two memory vectors, at least {more} times as many nats are held "
            "as in one pass, with an e and an m of each text. Of random words, neither way holds "
            "{more} times as many as the other."
        ),
        "capacity",
    ),
    "F8": Rule(
        CONTEXT,
        later(
            "Solutions of one text are nearer to each other than to those of other texts of their "
            "context, and than to those of other contexts."
        ),
        test=later("the labels of texts and contexts are permuted"),
        few=later("too few texts for any order of the labels to be rare"),
    ),
    "F9": Rule(
        CONTEXT,
        later(
            "At the same distance between the texts, by TF-IDF and by meaning, solutions of one "
            "context are nearer to each other."
        ),
        test=later(
            "contexts are resampled, and the 95% interval, made wider for few contexts, must not "
            "include 0"
        ),
        few=later("fewer than {contexts} contexts"),
    ),
    "F10": Rule(
        TEXT,
        later(
            "The curve connects more than half of a text's pairs, the straight line less than half."
        ),
    ),
    "E11": Rule(
        TEXT,
        later(
            "The slope of log seconds over log N is above {low} and below {high}. A text that is "
            "not exact takes at least the time that it was given. At a long length its slope is "
            "then at least what was measured, at a short one at most."
        ),
        "training-time",
    ),
    "E12": Rule(
        CONTEXT,
        later(
            "What is written after the context is nearer to the true continuation than what is "
            "written after e, m or both, with BOS before them or without."
        ),
        "readout",
    ),
}
