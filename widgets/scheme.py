"""The drawing of the scheme: [e][m]…[m] -> frozen language model -> tokens (figure 1, E9)."""

from html import escape

import streamlit as st

from explorer.base.language import later, tr
from explorer.specs.arrangements import ARRANGEMENTS, ArrangementKey, read_from, stands

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


def scheme(key: ArrangementKey, words: list[str]) -> None:
    """Draw an arrangement over a few example words, one box for each input and output.

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
