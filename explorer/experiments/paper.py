"""The paper's numbers, findings and what they rest on, limits, inconsistencies (arXiv 2505.21189).

Numbers come from v1, whose tables are complete in our copy; sentences are ours. A number that the
paper does not print is absent here: Table 1 prints four of its eleven lengths, Table 2 three of its
five group sizes, and v2's table of training times (E11) has lost its numbers in our copy.
"""

from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Any

import pandas as pd

from explorer.base.formatting import plus_minus
from explorer.base.language import later, tr
from explorer.specs.arrangements import ARRANGEMENTS, PAPER_DEFAULT, ArrangementKey
from explorer.specs.experiments import LADDER, Name
from explorer.specs.recipes import PAPER as PAPER_RECIPE

DATA = Path(__file__).resolve().parent.parent / "data" / "paper"

PROTOCOLS: dict[Name, dict[str, Any]] = {
    "arrangements": {
        "lengths": tuple(2**k for k in range(11)), "texts": 50, "source": "pg19",
        "recipe": PAPER_RECIPE,
    },
    "sharing": {
        "group_sizes": (1, 4, 16, 64, 256), "texts": 256, "length": 256, "restarts": 10,
        "source": "pg19", "recipe": PAPER_RECIPE, "arrangement": PAPER_DEFAULT,
    },
    "capacity": {
        "sources": ("random", "fan fiction", "pg19", later("continuations of PG-19")),
        "ladder": LADDER, "recipe": PAPER_RECIPE, "arrangement": PAPER_DEFAULT,
    },
    "throughput": {"arrangement": PAPER_DEFAULT},
    "training-time": {"recipe": PAPER_RECIPE, "arrangement": PAPER_DEFAULT},
    "readout": {
        "contexts": 50, "context_length": 128, "length": 128, "source": "pg19",
        "recipe": PAPER_RECIPE, "arrangement": PAPER_DEFAULT,
    },
}  # fmt: skip
"""What the paper says of how each experiment was made, by setting: Table 1 and E1, Table 2 and E2,
H5 with D1 to D4 for E3, E5, E11, E12; the recipe is H1 to H3, the arrangement A5. A setting that
is not here, such as E3's and E11's numbers of texts and restarts, the paper does not give."""


def settings(name: Name, **open_: object) -> dict[str, Any]:
    """Return the fields of an experiment's preset of the paper's size.

    The arrangement is not among them: a model that the paper does not use may need another.

    Args:
        name: of the experiment.
        **open_: what the paper does not give, or what stands here for its own texts.
    """
    given = {key: value for key, value in PROTOCOLS[name].items() if key != "arrangement"}
    return given | open_


@dataclass(frozen=True)
class PaperModel:
    """A model of the paper's.

    Attributes:
        key: its name in the tables here.
        id: M1 to M6 of the checklist.
        label: its name on charts.
        hub: its name on the Hugging Face hub.
    """

    key: str
    id: str
    label: str
    hub: str


PAPER_MODELS = (
    PaperModel("pythia-160m", "M1", "Pythia 160M", "EleutherAI/pythia-160m"),
    PaperModel("pythia-410m", "M2", "Pythia 410M", "EleutherAI/pythia-410m"),
    PaperModel("pythia-1.4b", "M3", "Pythia 1.4B", "EleutherAI/pythia-1.4b"),
    PaperModel("llama-3.2-1b", "M4", "Llama 3.2 1B", "meta-llama/Llama-3.2-1B"),
    PaperModel("llama-3.2-3b", "M5", "Llama 3.2 3B", "meta-llama/Llama-3.2-3B"),
    PaperModel("llama-3.1-8b", "M6", "Llama 3.1 8B", "meta-llama/Llama-3.1-8B"),
)


@dataclass(frozen=True)
class Statement:
    """Something the paper says, or gets wrong, in our words.

    Attributes:
        id: of the checklist.
        sentence: one or two sentences, for `tr`.
    """

    id: str
    sentence: str


def _said(**sentences: str) -> tuple[Statement, ...]:
    """Return statements by their ids."""
    return tuple(starmap(Statement, sentences.items()))


_TABLE1: dict[ArrangementKey, tuple[tuple[float, float], ...]] = {
    "e": ((1.00, 0.00), (0.45, 0.31), (0.17, 0.18), (0.01, 0.01)),
    "halves": ((1.00, 0.00), (1.00, 0.00), (0.12, 0.13), (0.01, 0.01)),
    "alternating": ((1.00, 0.00), (1.00, 0.00), (1.00, 0.00), (0.17, 0.34)),
    "e+mN": ((1.00, 0.00), (1.00, 0.00), (1.00, 0.00), (0.97, 0.15)),
    "e+mN-1": ((1.00, 0.00), (1.00, 0.00), (1.00, 0.00), (0.99, 0.10)),
}
_TABLE2 = {
    ("e", "max"): ((1.00, 0.00), (0.99, 0.01), (0.99, 0.02)),
    ("e", "avg"): ((0.98, 0.08), (0.90, 0.17), (0.86, 0.20)),
    ("m", "max"): ((1.00, 0.00), (1.00, 0.00), (1.00, 0.01)),
    ("m", "avg"): ((0.98, 0.07), (0.86, 0.19), (0.83, 0.18)),
}


def table1() -> pd.DataFrame:
    """Return Table 1 (E1): arrangement, checklist_id, n, mean, sd of token accuracy over 50 texts.

    The rows are told apart by their formula, not by the caption, which swaps the last two (I2).
    """
    return pd.DataFrame(
        [
            (key, ARRANGEMENTS[key].checklist_id, n, mean, sd)
            for key, published in _TABLE1.items()
            for n, (mean, sd) in zip((1, 2, 4, 256), published, strict=True)
        ],
        columns=["arrangement", "checklist_id", "n", "mean", "sd"],
    )


def table2() -> pd.DataFrame:
    """Return Table 2 (E2): shared, aggregate, s_g, mean, sd of token accuracy.

    256 texts of N = 256, ten restarts. `max` is the best restart of each text, then mean over
    texts; `avg` the mean over texts and restarts. What v1's table calls p is m here (I4).
    """
    return pd.DataFrame(
        [
            (shared, aggregate, s_g, mean, sd)
            for (shared, aggregate), cells in _TABLE2.items()
            for s_g, (mean, sd) in zip((1, 16, 256), cells, strict=True)
        ],
        columns=["shared", "aggregate", "s_g", "mean", "sd"],
    )


def table3() -> pd.DataFrame:
    """Return Table 3 (E3): source (D1 to D4), m_shared, model, value, mean, sd.

    `value` is `c_tokens` (longest reconstructed prefix, tokens) or `h_lm` (nats, mean over texts).
    A `c_tokens` has no spread in the paper: its `sd` is None, never zero.
    """
    table = pd.read_csv(DATA / "table3.csv", true_values=["yes"], false_values=["no"])
    spread = table["sd"].astype(object)
    table["sd"] = spread.where(table["sd"].notna(), None)
    return table


def best_capacity() -> pd.DataFrame:
    """Return model, c_tokens: the best of Table 3 over sources, m not shared.

    v2 draws such a figure (E10) whose numbers our copy lacks; this is computed from v1's Table 3.
    """
    table = table3()
    rows = table[(table["value"] == "c_tokens") & ~table["m_shared"]]
    best = rows.groupby("model", sort=False)["mean"].max().astype(int)
    return best.rename("c_tokens").reset_index()


FINDINGS = _said(
    F1=later("Two trained vectors are needed: one repeated vector fails from 2 tokens on."),
    F2=later("Order matters: one e followed by copies of m is best, as if e were a sink."),
    F3=later(
        "Either e or m can be shared by many texts, given enough restarts; the outcome depends "
        "much on the start."
    ),
    F4=later(
        "Larger Llama models hold more, larger Pythia models do not; Llama 1B holds almost "
        "three times as much as a Pythia of its size."
    ),
    F5=later(
        "Natural texts, whether seen in training, unseen or generated, are held to equal "
        "lengths; random words only to shorter ones."
    ),
    F6=later("Less informative texts (lower H_LM) are compressed to less information."),
    F7=later(
        "Autoregressive decoding holds about twice the information, up to five times; on "
        "random words both are alike."
    ),
    F8=later("Solutions of one text lie closer together than solutions of different texts."),
    F9=later(
        "At the same distance between the texts, solutions for one context lie a little closer "
        "than solutions for different contexts."
    ),
    F10=later(
        "The straight line between two solutions of a text fails; a quadratic curve connects them."
    ),
)
RESULTS = _said(
    E11=later("Training time grows roughly linearly with N (v2)."),
    E12=later(
        "What a model goes on to write after the proto-tokens is gibberish or unrelated text (v2)."
    ),
)
LIMITS = _said(
    L1=later("No use for it is known yet."),
    L2=later("Model families behave differently, so others may behave differently again."),
    L3=later("Four kinds of text were tried."),
    L4=later(
        "5,000 steps may not be enough to converge: the lengths reached show what is possible, "
        "not where the limit lies (v2)."
    ),
)
INCONSISTENCIES = _said(
    I1=later(
        "One pass is called 279 times faster “on average” in section 4 and “up to” 279 times "
        "faster in section 5; both hold only if every ratio is the same."
    ),
    I2=later(
        "Table 1's caption swaps its last two rows: by count, [e][m]×N (A4) has N + 1 inputs, "
        "so it is the one in which e's own output is not read."
    ),
    I3=later("Four values of Table 3, 92, 131, 167 and 288, are not among the tested lengths."),
    I4=later("v1 calls the second vector m in places and p in others; it is m here."),
    I5=later(
        "The paper does not say why one repeated vector must fail. With position encodings "
        "that do not change the values (rotary, ALiBi), identical inputs give identical "
        "outputs everywhere: at most the share of the most frequent token is right."
    ),
    I6=later("v1 calls the curve “degree-one” beside a quadratic formula."),
    I7=later(
        "Section 4 says that tokens are not stored as such, section 5 that the vectors may "
        "rely mostly on low-level token patterns."
    ),
    I8=later(
        "v1 calls same-context solutions “significantly closer”; v2 calls the effect small, "
        "with distributions that overlap heavily."
    ),
)
"""I1 to I8: where the paper disagrees with itself, or needs a word."""
MEASURED = tuple(s for s in INCONSISTENCIES if s.id in ("I1", "I5")) + RESULTS
"""What else the paper says that a run can tell."""
STATEMENTS = {s.id: s.sentence for s in (*FINDINGS, *MEASURED)}
NOT_IN_TABLES = {
    "F7": later("Figure 2 of v1, means over texts: two vectors, one memory vector and two."),
    "F8": later("Figure 4 of v1: 50 contexts with ten continuations each."),
    "F9": later(
        "Figure 5 of v1. In v2 the effect is small, and the distributions overlap heavily."
    ),
    "F10": later(
        "Figure 6 of v1: all 225 pairs of ten solutions of each of five texts, connected by curves "
        "at most 1.2 times as long as the straight line."
    ),
    "E11": later("A table of v2 whose numbers could not be extracted."),
    "E12": later("50 contexts of 128 tokens and continuations of 256 (v2)."),
    "I1": later("Sections 4 and 5."),
    "I5": later("Nothing: this is our addition."),
}
"""What is in no table of v1."""
CALLED = {
    "random": later("random words"),
    "fanfics": later("fan fiction"),
    "pg19": "PG-19",
    "pg19-gen": later("generated"),
}
"""Table 3's sources inside a sentence."""


def evidence(name: str) -> str:
    """Return what a statement of the paper's rests on, empty where nothing is noted."""
    return _OF_TABLES[name]() if name in _OF_TABLES else tr(NOT_IN_TABLES.get(name, ""))


def _arrangements(n: int, *ids: str) -> str:
    rows = table1().query("n == @n and checklist_id in @ids").to_dict("records")
    found = ", ".join(
        tr("{name} {value}", name=r["checklist_id"], value=plus_minus(r["mean"], r["sd"]))
        for r in rows
    )
    return tr("Table 1, 50 texts, N = {n}: {each}.", n=n, each=found)


def _sharing() -> str:
    best = table2().query("aggregate == 'max'")
    top = best[best["s_g"] == best["s_g"].max()]
    found = ", ".join(
        tr("shared {vector} {mean}", vector=row["shared"], mean=plus_minus(row["mean"], row["sd"]))
        for row in top.to_dict("records")
    )
    size = top["s_g"].iloc[0]
    return tr("Table 2, best of ten restarts, S_g = {size}: {each}.", size=size, each=found)


def _models() -> str:
    best = best_capacity().set_index("model")["c_tokens"]
    found = ", ".join(f"{m.label} {best[m.key]}" for m in PAPER_MODELS)
    return tr("Table 3, C_tokens of the best source, m not shared: {each}.", each=found)


def _sources(value: str, what: str) -> str:
    """Say what each source gives with the largest model, m not shared."""
    model = PAPER_MODELS[-1]
    rows = table3().query("value == @value and model == @model.key and not m_shared")
    found = ", ".join(
        f"{tr(CALLED[row['source']])} {row['mean']:,.0f}" for row in rows.to_dict("records")
    )
    return tr(
        "Table 3, {what}, {model}, m not shared: {each}.", what=what, model=model.label, each=found
    )


_OF_TABLES = {
    "F1": lambda: _arrangements(4, "A1", "A5"),
    "F2": lambda: _arrangements(256, "A2", "A3", "A5"),
    "F3": _sharing,
    "F4": _models,
    "F5": lambda: _sources("c_tokens", "C_tokens"),
    "F6": lambda: _sources("h_lm", tr("H_LM in nats")),
}
