"""How it works, drawn in the arrangement of the run that is shown."""

from collections.abc import Sequence

import streamlit as st

from explorer.assets import catalog
from explorer.base.errors import ExplorerError
from explorer.base.language import later, tr
from explorer.solutions.recording import RecordingHeader
from explorer.specs.arrangements import ARRANGEMENTS, AUTO, KEYS, PAPER_DEFAULT, ArrangementChoice
from explorer.specs.jobs import ReconstructSpec
from explorer.texts.targets import target_ids
from widgets import cached
from widgets.scheme import scheme

INTRODUCTION = later(
    "Two trained vectors, **e** and **m**, are all that goes in. From them a frozen language model "
    "outputs a whole text in one forward pass: every token at once, and no token sees the one "
    "before it."
)
MOST_DRAWN = 5
"""Tokens of the text that the drawing shows."""


def of_recording(header: RecordingHeader) -> None:
    """Explain a finished run."""
    words = [text or header.pieces.get(header.target_ids[at], "") for at, _, text in header.groups]
    _show(header.arrangement, header.d_model, words)


def of_spec(spec: ReconstructSpec) -> None:
    """Explain a run under way, as far as its model is known here."""
    try:
        card = catalog.find(spec.model)
    except ExplorerError:
        return
    if card.folder is None or card.d_model is None:
        return
    suits = card.default_arrangement if spec.arrangement == AUTO else spec.arrangement
    tokenizer = cached.tokenizer(card.folder)
    ids = target_ids(spec.text, tokenizer, spec.length)
    _show(suits, card.d_model, [group.text for group in tokenizer.groups(list(ids))])


def _show(arrangement: ArrangementChoice | str, d_model: int, words: Sequence[str]) -> None:
    key = next((key for key in KEYS if key == arrangement), PAPER_DEFAULT)
    with st.expander(
        tr("How it works"),
        icon=":material/school:",
        key="how",
        expanded=st.query_params.get("tour") == "1",
    ):
        scheme(key, [word.strip() or "␣" for word in words[:MOST_DRAWN]])
        drawn = ARRANGEMENTS[key]
        said = [
            tr("Arrangement {id}, {formula}.", id=drawn.checklist_id, formula=drawn.formula),
            tr(drawn.sentence),
        ]
        if len(words) > MOST_DRAWN:
            said += [tr("Only the first {count} words are drawn.", count=MOST_DRAWN)]
        st.caption(" ".join(said))
        st.markdown(
            tr(
                "- A **token** is a word or a piece of a word. The model reads and writes text "
                "token by token.\n- A **vector** is a list of numbers. To this model each token is "
                "a vector of {count} numbers; e and m are two more such vectors, and stand for no "
                "word.\n- **Frozen** means that training changes e and m, and nothing in the "
                "model.",
                count=format(d_model, ","),
            )
        )
