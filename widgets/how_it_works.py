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
from widgets import cached, tour
from widgets.scheme import scheme

INTRODUCTION = later(
    "Two trained vectors, **e** and **m**, are all that goes in. From them a frozen language model "
    "outputs a whole text in one forward pass: every token at once, none of them knowing which "
    "came before it. The paper: [arXiv 2505.21189](https://arxiv.org/abs/2505.21189)."
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
    first = tour.visited() == 1  # an expander that was shown closed would stay so
    with st.expander(
        tr("How it works"),
        icon=":material/school:",
        key="how-on-tour" if first else "how",
        expanded=first,
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
                "- A **token** is a word or a piece of a word. As a rule a model reads and "
                "writes text one token at a time.\n- A **vector** is a list of numbers. To this "
                "model each token is a vector of {count} numbers; e and m are two more such "
                "vectors, and stand for no word.\n- **Position**: the model knows where each input "
                "stands, and each one reads those before it. So copies of m can become different "
                "words.\n- **Why e and m**: copies of one vector alone would all see the same "
                "past, and most models would output one token over and over. e is different, and "
                "each m looks back to it from a place of its own.\n- **Frozen** means that "
                "training changes e and m, and nothing in the model.",
                count=format(d_model, ","),
            )
        )
