"""How e and m are laid out: a choice, what suits the model, and why."""

import streamlit as st

from explorer.assets.catalog import ModelCard
from explorer.specs.arrangements import (
    ARRANGEMENTS,
    AUTO,
    KEYS,
    PAPER_DEFAULT,
    ArrangementChoice,
    ArrangementKey,
)
from widgets import words
from widgets.markdown import escaped

WORDS: dict[str, str] = {
    AUTO: "What suits the model",
    "mem": "[mem]×K, then the text",
    "bos+mem": "[BOS][mem]×K, then the text",
}
"""What is left open, and the layouts of the autoregressive baseline."""
NOT_KNOWN = (
    "Checked when this model first runs, in seconds: whether its first position can say an "
    "arbitrary token, and whether a sink before e helps. If it helps that is taken, else A5, the "
    "paper's default, or A4."
)


def choose(card: ModelCard, first: ArrangementChoice = AUTO) -> ArrangementChoice:
    """Let a person choose an arrangement; what suits the model is offered first, and why.

    Args:
        card: the model.
        first: what is chosen before anybody has.
    """
    chosen = st.selectbox(
        "Arrangement",
        (AUTO, *KEYS),
        (AUTO, *KEYS).index(first),
        format_func=lambda key: _suiting(card) if key == AUTO else in_words(key),
        key="arrangement",
        help=words.help_for("Arrangement", "e", "m"),
    )
    meant = card.default_arrangement if chosen == AUTO else chosen
    if meant != AUTO:
        st.caption(ARRANGEMENTS[meant].sentence)
    st.caption(why(card))
    return meant


def in_words(key: ArrangementKey) -> str:
    """Return an arrangement in a list."""
    return f"{ARRANGEMENTS[key].checklist_id}  {ARRANGEMENTS[key].formula}"


def why(card: ModelCard) -> str:
    """Say what the model's first position can do, and what follows for its default."""
    found = card.first_position
    if found is None:
        return NOT_KNOWN
    return f"{escaped(found.sentence)} So its default is {in_words(found.arrangement)}."


def _suiting(card: ModelCard) -> str:
    key = card.default_arrangement
    if key == AUTO:
        return f"Suits this model: {ARRANGEMENTS[PAPER_DEFAULT].checklist_id}, to be checked"
    return f"Suits this model: {in_words(key)}"
