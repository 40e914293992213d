"""What the paper's findings rest on, in a sentence each: its tables where it has them."""

from explorer.base.formatting import plus_minus
from explorer.base.language import later, tr
from explorer.experiments import paper

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
    rows = paper.table1().query("n == @n and checklist_id in @ids").to_dict("records")
    found = ", ".join(f"{r['checklist_id']} {plus_minus(r['mean'], r['sd'])}" for r in rows)
    return tr("Table 1, 50 texts, N = {n}: {each}.", n=n, each=found)


def _sharing() -> str:
    best = paper.table2().query("aggregate == 'max'")
    top = best[best["s_g"] == best["s_g"].max()]
    found = ", ".join(
        tr("shared {vector} {mean}", vector=row["shared"], mean=plus_minus(row["mean"], row["sd"]))
        for row in top.to_dict("records")
    )
    size = top["s_g"].iloc[0]
    return tr("Table 2, best of ten restarts, S_g = {size}: {each}.", size=size, each=found)


def _models() -> str:
    best = paper.best_capacity().set_index("model")["c_tokens"]
    found = ", ".join(f"{m.label} {best[m.key]}" for m in paper.PAPER_MODELS)
    return tr("Table 3, C_tokens of the best source, m not shared: {each}.", each=found)


def _sources(value: str, what: str) -> str:
    """Say what each source gives with the largest model, m not shared."""
    model = paper.PAPER_MODELS[-1]
    rows = paper.table3().query("value == @value and model == @model.key and not m_shared")
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
