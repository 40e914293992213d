"""What the paper's findings rest on, in a sentence each: its tables where it has them."""

from explorer.base.formatting import plus_minus
from explorer.experiments import paper

NOT_IN_TABLES = {
    "F7": "Figure 2 of v1, means over texts: two vectors, one memory vector and two.",
    "F8": "Figure 4 of v1: 50 contexts with ten continuations each.",
    "F9": "Figure 5 of v1. In v2 the effect is small, and the distributions overlap heavily.",
    "F10": "Figure 6 of v1: all 225 pairs of ten solutions of each of five texts, connected by "
    "curves of at most 1.2 chords.",
    "E11": "A table of v2, whose numbers our copy lacks.",
    "E12": "50 contexts of 128 tokens and continuations of 256 (v2).",
    "I1": "Sections 4 and 5.",
    "I5": "Nothing: it is our addition.",
}
"""What is in no table of v1."""
CALLED = {
    "random": "random words",
    "fanfics": "fan fiction",
    "pg19": "PG-19",
    "pg19-gen": "generated",
}
"""Table 3's sources inside a sentence."""


def evidence(name: str) -> str:
    """Return what a statement of the paper's rests on, empty where nothing is noted."""
    return _OF_TABLES[name]() if name in _OF_TABLES else NOT_IN_TABLES.get(name, "")


def _arrangements(n: int, *ids: str) -> str:
    rows = paper.table1().query("n == @n and checklist_id in @ids").to_dict("records")
    found = ", ".join(f"{r['checklist_id']} {plus_minus(r['mean'], r['sd'])}" for r in rows)
    return f"Table 1, 50 texts, N = {n}: {found}."


def _sharing() -> str:
    best = paper.table2().query("aggregate == 'max'")
    top = best[best["s_g"] == best["s_g"].max()]
    found = ", ".join(
        f"shared {row['shared']} {plus_minus(row['mean'], row['sd'])}"
        for row in top.to_dict("records")
    )
    return f"Table 2, best of ten restarts, S_g = {top['s_g'].iloc[0]}: {found}."


def _models() -> str:
    best = paper.best_capacity().set_index("model")["c_tokens"]
    found = ", ".join(f"{m.label} {best[m.key]}" for m in paper.PAPER_MODELS)
    return f"Table 3, C_tokens of the best source, m not shared: {found}."


def _sources(value: str, what: str) -> str:
    """Say what each source gives with the largest model, m not shared."""
    model = paper.PAPER_MODELS[-1]
    rows = paper.table3().query("value == @value and model == @model.key and not m_shared")
    found = ", ".join(
        f"{CALLED[row['source']]} {row['mean']:,.0f}" for row in rows.to_dict("records")
    )
    return f"Table 3, {what}, {model.label}, m not shared: {found}."


_OF_TABLES = {
    "F1": lambda: _arrangements(4, "A1", "A5"),
    "F2": lambda: _arrangements(256, "A2", "A3", "A5"),
    "F3": _sharing,
    "F4": _models,
    "F5": lambda: _sources("c_tokens", "C_tokens"),
    "F6": lambda: _sources("h_lm", "H_LM in nats"),
}
