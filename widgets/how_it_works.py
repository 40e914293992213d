"""How it works, drawn in the arrangement of the run that is shown: [e][m]…[m] to tokens."""

from collections.abc import Sequence
from html import escape

import streamlit as st

from explorer.assets import catalog
from explorer.base.errors import ExplorerError
from explorer.base.language import later, tr
from explorer.solutions.recording import RecordingHeader
from explorer.specs.arrangements import (
    ARRANGEMENTS,
    AUTO,
    KEYS,
    PAPER_DEFAULT,
    ArrangementChoice,
    ArrangementKey,
    read_from,
    stands,
)
from explorer.specs.jobs import ReconstructSpec
from explorer.texts.targets import target_ids
from widgets import cached, tour

INTRODUCTION = later(
    "Two trained vectors, **e** and **m**, hold a whole text. From them a frozen language model "
    "outputs it in one forward pass: every token at once, none of them knowing which "
    "came before it. The paper: [arXiv 2505.21189](https://arxiv.org/abs/2505.21189)."
)
MOST_DRAWN = 5
"""Tokens of the text that the drawing shows."""
_STYLE = """<style>
.scheme { display: flex; flex-direction: column; gap: .3rem; align-items: flex-start;
  font-size: .95rem; margin: .2rem 0 .6rem; overflow-x: auto; max-width: 100%; }
.scheme .row { display: flex; gap: .3rem; }
.scheme span { min-width: 3.6rem; text-align: center; padding: .16rem .2rem; border-radius: .3rem;
  border: 1.5px solid currentColor; white-space: nowrap; }
.scheme .e { border-color: #d99000; border-width: 2.5px; font-weight: 700; }
.scheme .m { border-color: #b5539c; border-style: double; border-width: 4px;
  padding: .05rem .2rem; }
.scheme .s { border-style: dashed; opacity: .8; }
.scheme .say { border-color: #0b84c6; background: color-mix(in srgb, #0b84c6 22%, transparent); }
.scheme .none { border-style: dotted; opacity: .75; }
.scheme .model { align-self: stretch; text-align: center; border: 1.5px solid currentColor;
  border-radius: .3rem; padding: .25rem; opacity: .85;
  background: repeating-linear-gradient(45deg, transparent 0 8px,
  color-mix(in srgb, currentColor 8%, transparent) 8px 16px); }
</style>"""
NAMES = {"s": later("sink")}
"""How an input is labelled, where that is not its letter."""


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
    suits = card.live_arrangement(spec.recipe) if spec.arrangement == AUTO else spec.arrangement
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
        _scheme(key, [word.strip() or "␣" for word in words[:MOST_DRAWN]])
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
                "past, and most models would output one token over and over. With a second one "
                "every position has a past of its own.\n- **Frozen** means that training changes "
                "e and m, and nothing in the model.",
                count=format(d_model, ","),
            )
        )


def _scheme(key: ArrangementKey, words: list[str]) -> None:
    """Draw an arrangement over a few words, a box for each input and output (figure 1, E9).

    Args:
        key: the arrangement.
        words: what the outputs that are read say, one for each target token drawn.
    """
    first = read_from(key)
    inputs = "".join(
        f'<span class="{each}">{escape(tr(NAMES.get(each, each)))}</span>'
        for each in stands(key, len(words))
    )
    not_read = escape(tr("not read"))
    unread = f'<span class="none">{not_read}</span>' * first
    outputs = unread + "".join(f'<span class="say">{escape(word)}</span>' for word in words)
    seen = tr(
        "Inputs {formula} go through the frozen language model once; its outputs are the tokens of "
        "the text.",
        formula=ARRANGEMENTS[key].formula,
    )
    model = tr("frozen language model, one forward pass")
    st.html(
        f'{_STYLE}<div class="scheme" role="img" aria-label="{escape(seen)}">'
        f'<div class="row">{inputs}</div><div class="model">{escape(model)}</div>'
        f'<div class="row">{outputs}</div></div>'
    )
