"""The form of the page Reconstruct: model, text, length, advanced settings, and Start."""

from typing import Any

import streamlit as st

from explorer.assets.catalog import ModelCard
from explorer.assets.tokenizing import Tokenizer
from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.base.value import valid
from explorer.estimates import outlook
from explorer.people import queue
from explorer.people.assignment import MOST_LETTERS, Assignment
from explorer.runtime import step_times
from explorer.specs.jobs import MAX_RESTARTS, ReconstructSpec
from explorer.specs.recipes import FAST
from explorer.texts.alterations import find_alteration
from explorer.texts.passages import Passage
from explorer.texts.targets import MAX_TARGET_TOKENS, target_ids
from widgets import (
    arrangement,
    assignments,
    cached,
    length,
    linked,
    models,
    recipes,
    slow_start,
    text_source,
    token_strip,
    words,
)
from widgets.markdown import escaped

MOST_PREVIEWED = 160
MAX_SEED = 2**31 - 1 - MAX_RESTARTS
ROOM = 8  # tokens behind the target that an assignment keeps, for the last word to end alike
UNTIL = later("Once one restart is exact, the others end and keep their best vectors.")
LENGTH = later(
    "The first N tokens of the text are the target. Up to about 32 tokens train quickly on a CPU."
)


def show() -> None:
    """Show the form, filled in as its link says; Start stands before what few people change."""
    wanted = assignments.wanted() or Assignment(text=text_source.DEFAULT)
    card = models.choose(wanted.on)
    if card is None:
        return
    if card.folder is None:
        models.download(card)
        return
    passage = text_source.choose(card, wanted.text)
    if passage is None:
        return
    tokenizer = cached.tokenizer(card.folder)
    ids, more = tokenizer.encode_prefix(passage.text, MAX_TARGET_TOKENS)
    target_ids(passage.text, tokenizer, 1)  # says what is wrong with an empty text
    most = min(len(ids), MAX_TARGET_TOKENS, (card.max_positions or 10**6) - 1)
    chosen = length.choose(
        most, wanted.n, "length", help=words.help_for("N", tr("target"), more=tr(LENGTH))
    )
    st.caption(_which(len(ids), chosen, more=more))
    if chosen < most and not more:
        length.offer_all(most, chosen, len(ids), "length")
    start = st.container()
    _preview(passage, ids[:MOST_PREVIEWED], chosen, tokenizer)
    settings = _advanced(card, wanted)
    with start:
        if settings is None:
            slow_start.button(None)
            return
        text = tokenizer.decode(ids[: min(len(ids), chosen + 64)]) if more else passage.text
        drawn = {"title": passage.title[:300], "source": passage.source}
        fields = {"model": card.name, "text": text, "length": chosen} | settings | drawn
        spec = valid(ReconstructSpec, fields)
        _start(spec, card)
    short = len(passage.text) <= MOST_LETTERS and not more
    assignments.share(spec, passage.text if short else tokenizer.decode(ids[: chosen + ROOM]))


def _which(total: int, chosen: int, *, more: bool) -> str:
    """Say how many tokens a text has, and which of them are the target."""
    tokens = tr("{count}+ tokens", count=total) if more else counted(total, "token")
    if total == 1:
        return tr("{tokens}; it is the target.", tokens=tokens)
    if chosen == 1:
        return tr("{tokens}; the first is the target.", tokens=tokens)
    return tr("{tokens}; the first {chosen} are the target.", tokens=tokens, chosen=chosen)


def _preview(passage: Passage, first: list[int], chosen: int, tokenizer: Tokenizer) -> None:
    """Show the text's first tokens: which of them are the target, which differ from the text."""
    altered = find_alteration(passage.text, tokenizer, first[:chosen])
    marked = altered.groups if altered else ()
    token_strip.preview("preview", tokenizer, first, chosen, marked)
    if altered:
        st.warning(escaped(altered.sentence), icon=":material/spellcheck:")


def _advanced(card: ModelCard, wanted: Assignment) -> dict[str, Any] | None:
    """Show what few people change; return it, or None while the recipe cannot be used."""
    with st.expander(tr("Advanced"), icon=":material/tune:", key="advanced"):
        place = st.container()
        left, right = st.columns(2)
        restarts = left.number_input(
            tr("Restarts"),
            1,
            MAX_RESTARTS,
            wanted.restarts,
            key="restarts",
            help=words.help_for(tr("Restarts")),
        )
        seed = right.number_input(
            tr("First seed"), 0, MAX_SEED, wanted.seed, key="seed", help=words.help_for(tr("seed"))
        )
        early = st.toggle(
            tr("Stop at the first exact restart"),
            wanted.until == "first",
            key="until",
            help=words.help_for(tr("exact"), more=tr(UNTIL)),
        )
        recipe = recipes.choose(wanted.preset, wanted.recipe)
        with place:  # what suits depends on the recipe
            laid_out = arrangement.choose(card, recipe or FAST, wanted.arrangement)
    if recipe is None:
        return None
    until = "first" if early else "all"
    said = {"restarts": restarts, "seed": seed, "until": until}
    return said | {"arrangement": laid_out, "recipe": recipe}


def _start(spec: ReconstructSpec, card: ModelCard) -> None:
    """Show Start, and how long it will take."""
    timed = step_times.find(card.name, spec.recipe.precision)
    assumed = timed or step_times.assumed(card.parameters)
    ahead = outlook.of_text(spec, assumed)
    if slow_start.button(ahead.seconds):
        linked.start(spec)
    said = ahead if timed else outlook.of_text(spec, None)
    st.caption(f"{said.sentence} {queue.load(spec, assumed).sentence}")
