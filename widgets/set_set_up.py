"""What a solution set shall be, how long it will take, and Start."""

import pandas as pd
import streamlit as st

from explorer.assets import catalog
from explorer.base.language import later, tr
from explorer.base.value import valid
from explorer.estimates.set_time import estimate
from explorer.runtime import step_times
from explorer.solutions import store
from explorer.specs.jobs import GatheredText, SolveSetSpec
from explorer.specs.texts import SOURCES
from explorer.texts.alterations import find_alterations
from widgets import arrangement, cached, models, recipes, server, slow_start, words
from widgets.again import run_again
from widgets.choice import one_of, told_apart
from widgets.markdown import escaped

REGIMES = {
    "shared": later("One m shared by the whole set (the paper's default)"),
    "free": later("m free: every solution has its own"),
}
PROTOCOL, GATHER = later("Continuations"), later("My own choice")


def set_up() -> None:
    """Ask what the set shall be, say how long it will take, and start it."""
    card = models.choose()
    if card is None:
        return
    if card.folder is None:
        models.download(card)
        return
    fields: dict[str, object] = {"model": card.name, "arrangement": card.default_arrangement}
    what = one_of(tr("Texts"), [PROTOCOL, GATHER], key="set_what")
    gathered: tuple[GatheredText, ...] = ()
    if what == GATHER:
        gathered = _gather()
    else:
        drawn = [s for s in SOURCES if s not in ("own", "generated", "corpus")]
        fields["source"] = st.selectbox(
            tr("Source of the contexts"),
            drawn,
            format_func=lambda s: tr(SOURCES[s]),
            key="set_source",
        )
        left, right = st.columns(2)
        fields["contexts"] = left.number_input(tr("Contexts"), 1, 500, 8, key="set_contexts")
        fields["continuations"] = right.number_input(
            tr("Continuations of each"),
            1,
            100,
            6,
            key="set_continuations",
            help=tr("The model writes them itself: it samples at temperature 1."),
        )
    left, right = st.columns(2)
    fields["restarts"] = left.number_input(
        tr("Solutions of each text") if what == GATHER else tr("Solutions of the last text"),
        1,
        64,
        8,
        key="set_restarts",
        help=tr("How many solutions each text gets.")
        if what == GATHER
        else tr("The last text of each context gets this many solutions, the others get one."),
    )
    fields["restarts_of"] = "every" if what == GATHER else "last"
    fields["length"] = right.number_input(tr("N, target tokens"), 1, 512, 16, key="set_length")
    fields["regime"] = st.radio(
        tr("m of the solutions"),
        list(REGIMES),
        format_func=lambda regime: tr(REGIMES[regime]),
        key="set_regime",
    )
    if fields["regime"] == "shared" and st.checkbox(
        tr("Learn m on some of the texts only"),
        key="set_part",
        help=tr(
            "Faster, but not what the paper does: m is learned on some of the texts, then frozen "
            "for the others. The set says so wherever it is shown."
        ),
    ):
        fields["m_from"] = st.number_input(tr("Texts that m is learned on"), 1, 500, 8, key="set_k")
    with st.expander(tr("Advanced"), icon=":material/tune:", key="set_advanced"):
        fields["seed"] = st.number_input(tr("Seed"), 0, 2**30 - 1, 0, key="set_seed")
        fields["attempts"] = st.number_input(
            tr("Attempts at each solution"), 1, 20, 3, key="set_attempts"
        )
        fields["recipe"] = recipes.choose("independent")
        st.caption(arrangement.why(card))
    if fields["recipe"] is None or (what == GATHER and not gathered):
        return
    _start(valid(SolveSetSpec, fields | {"texts": gathered}), card)


def _gather() -> tuple[GatheredText, ...]:
    """Show a table to type texts into and a picker of library entries; return what is there."""
    st.caption(tr("One text in each row. Rows with the same context belong together."))
    typed = st.data_editor(
        pd.DataFrame({"context": [""], "text": [""]}, dtype="string"),
        num_rows="dynamic",
        hide_index=True,
        key="set_typed",
        width="stretch",
        column_config={
            name: st.column_config.TextColumn(words.column(name)) for name in ("context", "text")
        },
    )
    entries = {entry.id: entry.record for entry in store.entries() if entry.record is not None}
    called = told_apart({i: f"{record.text[:60]} ({i[:6]})" for i, record in entries.items()})
    chosen = st.multiselect(
        tr("Texts from the library"),
        list(entries),
        format_func=called.__getitem__,
        key="set_library",
    )
    rows = [
        valid(GatheredText, {"text": row["text"], "context": row["context"][:300]})
        for row in typed.fillna("").to_dict(orient="records")
        if str(row["text"]).strip()
    ]
    known = {row.text for row in rows}
    for name in chosen:
        record = entries[name]
        if record.text not in known:
            known.add(record.text)
            rows.append(valid(GatheredText, {"text": record.text, "title": record.title[:300]}))
    return tuple(rows)


def _start(spec: SolveSetSpec, card: catalog.ModelCard) -> None:
    assert card.folder is not None
    given = [text.text for text in spec.texts]
    if altered := find_alterations(given, (), cached.tokenizer(card.folder), spec.length):
        st.warning(escaped(altered), icon=":material/spellcheck:")
    seconds = step_times.find(spec.model, spec.recipe.precision)
    found = estimate(spec, card.parameters, seconds)
    st.caption(escaped(found.sentence))
    slow_start.offer_timing(spec.model, spec.length, spec.arrangement, spec.recipe, "set_time")
    if slow_start.button(found.expected, "set_start", quicker=tr("A smaller set is quicker.")):
        server.submit(spec)
        run_again()
