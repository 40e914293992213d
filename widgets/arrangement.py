"""How e and m are laid out: a choice, what suits the model, and why."""

import streamlit as st

from explorer.assets.catalog import ModelCard
from explorer.base.language import later, tr
from explorer.specs.arrangements import (
    ARRANGEMENTS,
    AUTO,
    KEYS,
    ArrangementChoice,
    ArrangementKey,
)
from explorer.specs.recipes import Recipe
from widgets import words
from widgets.markdown import escaped

WORDS: dict[str, str] = {
    AUTO: later("What suits the model"),
    "mem": later("[mem]×K, then the text"),
    "bos+mem": later("[BOS][mem]×K, then the text"),
}
"""What is left open, and the layouts of the autoregressive baseline."""
NOT_KNOWN = later(
    "Two things are checked when this model first runs, which takes seconds: whether its first "
    "position can output any token, and whether a sink before e helps. If not the first, A4 is "
    "used instead of A5, the paper's default; if the second, the sink."
)
MAY_MIX = later(
    "Three things are checked when this model first runs, which takes seconds: whether its first "
    "position can output any token, whether a sink before e helps, and whether mixing e and m "
    "does. What helps is used; else A5, the paper's default, or A4."
)


def choose(card: ModelCard, recipe: Recipe, first: ArrangementChoice = AUTO) -> ArrangementChoice:
    """Let a person choose an arrangement; what suits model and recipe is offered first, and why.

    Args:
        card: the model.
        recipe: how the text is trained.
        first: what is chosen before anybody has.
    """
    suits = card.live_arrangement(recipe)
    chosen = st.selectbox(
        tr("Arrangement"),
        (AUTO, *KEYS),
        (AUTO, *KEYS).index(first),
        format_func=lambda key: tr(WORDS[AUTO]) if key == AUTO else in_words(key),
        key="arrangement",
        help=words.help_for(tr("Arrangement"), "e", "m"),
    )
    meant = suits if chosen == AUTO else chosen
    if meant != AUTO:
        name = f"{in_words(meant)}: " if chosen == AUTO else ""
        st.caption(name + tr(ARRANGEMENTS[meant].sentence))
    st.caption(why(card, recipe))
    return meant


def in_words(key: ArrangementKey) -> str:
    """Return an arrangement in a list."""
    return f"{ARRANGEMENTS[key].checklist_id}  {ARRANGEMENTS[key].formula}"


def why(card: ModelCard, recipe: Recipe | None = None) -> str:
    """Say what the model's first position can do, and what follows for its default.

    Args:
        card: the model.
        recipe: how a text is trained live; None: it is a set or an experiment, whose default is the
            nearest to the paper's.
    """
    found, live = card.first_position, recipe is not None and recipe.informed
    if found is None or (live and not found.complete):
        return tr(MAY_MIX) if live else tr(NOT_KNOWN)
    finding = " ".join([found.sentence, found.mixing] if live else [found.sentence])
    return tr(
        "{finding} So its default is {arrangement}.",
        finding=escaped(finding.strip()),
        arrangement=in_words(found.quickest if live else found.arrangement),
    )
