"""Words of the field explain themselves where they stand, from the glossary."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
import streamlit as st

from explorer.base import glossary as kept
from explorer.base.language import amount, later, tr
from explorer.experiments.definition import in_words
from widgets.markdown import escaped


def help_for(*texts: str, more: str | None = None) -> str | None:
    """Return the tooltip of what says `texts`: what they mean here, then the words in them.

    Args:
        texts: a label, a title, a sentence.
        more: about this place alone.
    """
    found = kept.entries()
    words = [f"**{escaped(word)}**: {escaped(found[word].means)}" for word in kept.found_in(*texts)]
    return "\n\n".join([*([more] if more else []), *words]) or None


def metric(
    label: str,
    value: str | int,
    delta: str | None = None,
    *,
    spread: bool = False,
    help: str | None = None,  # noqa: A002
) -> None:
    """Show a number; the words in its label explain themselves; `delta` may be its spread."""
    said, beside = amount(str(value)), amount(delta) if delta else delta
    plain: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"} if spread else {}
    st.metric(label, said, beside, help=help_for(label, more=help), **plain)


BEGINNING = 5
"""Letters by which forms of one word are known."""
COLUMNS = {
    "n": "N", "sd": later("standard deviation"), "p_target": "p(target)",
    "s_g": later("texts in a group"), "best_sd": later("best restart, standard deviation"),
    "h_lm": "H_LM", "c_tokens": "C_tokens", "auc": "AUC",
    "paper_best": later("paper, best restart"), "t": "t", "bos": "BOS", "i": later("position"),
    "h_lm_sd": later("H_LM, standard deviation"), "mean_p_target": later("mean p(target)"),
    "cliffs_delta": "Cliff's δ",
}  # fmt: skip
"""What the columns of tables are called, where that is more than their name without underscores."""


def column(name: Any) -> str:
    """Return the heading of a column in words; a token in it stays as it is."""
    said = str(name)
    return tr(COLUMNS.get(said, said.replace("_", " ") if said.isidentifier() else said))


IN_WORDS = (
    "ended", "autoregressive_ended", "one_forward_ended", "whose", "start", "fed", "compared_with",
    "reading", "of",
)  # fmt: skip
"""Columns whose values are words of ours, not names or texts."""


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Return a table in the language of the page: its headings, and what our own words say in it.

    A file of the same table keeps its plain names.
    """
    said = {name: found[name].map(_word) for name in IN_WORDS if name in found}
    if "source" in found:
        said["source"] = found["source"].map(lambda v: in_words(v) if isinstance(v, str) else v)
    return found.assign(**said).rename(columns=column)


def _word(value: Any) -> Any:
    return tr(value) if isinstance(value, str) and value else value


def _unlike(word: str, forms: Iterable[str]) -> list[str]:
    """Return the forms that begin with neither the word nor one another: no mere endings."""
    others: list[str] = []
    for form in forms:
        if not any(form.lower()[:BEGINNING] in each.lower() for each in (word, *others)):
            others.append(form)
    return others


def glossary() -> None:
    """Show every word of the glossary, with its sentence, its note, and where it comes from."""
    st.caption(
        tr("The words of this field as these pages use them. To print them, print this page.")
    )
    with st.container(key="glossary"):
        for word, entry in kept.entries().items():
            others = _unlike(word, entry.forms)
            also = tr(" :small[:gray[also: {words}]]", words=escaped(", ".join(others)))
            note = f" {escaped(entry.note)}" if entry.note else ""
            st.markdown(
                f"**{escaped(word)}**{also if others else ''}  \n{escaped(entry.means)}{note} "
                f":small[:gray[{escaped(entry.source)}]]"
            )
