"""How e and m are laid out: a choice, what suits the model, and why."""

import streamlit as st

from explorer.assets.catalog import ModelCard
from explorer.base.language import later, tr
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
    AUTO: later("What suits the model"),
    "mem": later("[mem]×K, then the text"),
    "bos+mem": later("[BOS][mem]×K, then the text"),
}
"""What is left open, and the layouts of the autoregressive baseline."""
NOT_KNOWN = later(
    "Three things are checked when this model first runs, which takes seconds: whether its first "
    "position can output any token, whether a sink before e helps, and whether mixing e and m "
    "does. What helps is used; else A5, the paper's default, or A4."
)


def choose(card: ModelCard, first: ArrangementChoice = AUTO) -> ArrangementChoice:
    """Let a person choose an arrangement; the model's quickest is offered first, and why.

    Args:
        card: the model.
        first: what is chosen before anybody has.
    """
    chosen = st.selectbox(
        tr("Arrangement"),
        (AUTO, *KEYS),
        (AUTO, *KEYS).index(first),
        format_func=lambda key: _suiting(card) if key == AUTO else in_words(key),
        key="arrangement",
        help=words.help_for(tr("Arrangement"), "e", "m"),
    )
    meant = card.quickest_arrangement if chosen == AUTO else chosen
    if meant != AUTO:
        st.caption(tr(ARRANGEMENTS[meant].sentence))
    st.caption(why(card, card.quickest_arrangement))
    return meant


def in_words(key: ArrangementKey) -> str:
    """Return an arrangement in a list."""
    return f"{ARRANGEMENTS[key].checklist_id}  {ARRANGEMENTS[key].formula}"


def why(card: ModelCard, default: ArrangementChoice | None = None) -> str:
    """Say what the model's first position can do, and what follows for its default.

    Args:
        card: the model.
        default: what is chosen first here; None: the nearest to the paper's.
    """
    found = card.first_position
    if found is None:
        return tr(NOT_KNOWN)
    return tr(
        "{finding} So its default is {arrangement}.",
        finding=escaped(found.sentence),
        arrangement=in_words(found.arrangement if default in (None, AUTO) else default),
    )


def _suiting(card: ModelCard) -> str:
    key = card.quickest_arrangement
    if key == AUTO:
        usual = ARRANGEMENTS[PAPER_DEFAULT].checklist_id
        return tr("Suits this model: {arrangement}, to be checked", arrangement=usual)
    return tr("Suits this model: {arrangement}", arrangement=in_words(key))
