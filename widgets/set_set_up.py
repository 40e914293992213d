"""What a solution set shall be, how long it will take, and Start."""

import streamlit as st

from explorer.assets import catalog
from explorer.base.value import valid
from explorer.estimates.set_time import estimate
from explorer.specs.jobs import GatheredText, SolveSetSpec
from explorer.specs.texts import SOURCES
from explorer.texts.alterations import find_alterations
from widgets import arrangement, cached, models, recipes, server, set_texts, slow_start, step_time
from widgets.markdown import escaped

REGIMES = {"shared": "m shared over the set (the paper's default)", "free": "m free"}
PROTOCOL, GATHER = "Continuations", "My choice"


def set_up() -> None:
    """Ask what the set shall be, say how long it will take, and start it."""
    card = models.choose()
    if card is None:
        return
    if card.folder is None:
        models.download(card)
        return
    fields: dict[str, object] = {"model": card.name, "arrangement": card.default_arrangement}
    what = st.segmented_control(
        "Texts", [PROTOCOL, GATHER], default=PROTOCOL, required=True, key="set_what"
    )
    gathered: tuple[GatheredText, ...] = ()
    if what == GATHER:
        gathered = set_texts.gather()
    else:
        drawn = [s for s in SOURCES if s not in ("own", "generated", "corpus")]
        fields["source"] = st.selectbox(
            "Contexts", drawn, format_func=lambda s: SOURCES[s], key="set_source"
        )
        left, right = st.columns(2)
        fields["contexts"] = left.number_input("Contexts", 1, 500, 8, key="set_contexts")
        fields["continuations"] = right.number_input(
            "Continuations of each",
            1,
            100,
            6,
            key="set_continuations",
            help="Written by the model itself: multinomial, temperature 1.",
        )
    left, right = st.columns(2)
    fields["restarts"] = left.number_input(
        "Restarts of each" if what == GATHER else "Restarts of the last",
        1,
        64,
        8,
        key="set_restarts",
        help="Solutions of each text."
        if what == GATHER
        else "The last text of each context gets so many solutions, the others one.",
    )
    fields["restarts_of"] = "every" if what == GATHER else "last"
    fields["length"] = right.number_input("N, target tokens", 1, 512, 16, key="set_length")
    fields["regime"] = st.radio("Regime", list(REGIMES), format_func=REGIMES.get, key="set_regime")
    if fields["regime"] == "shared" and st.checkbox(
        "Learn m on a part only",
        key="set_part",
        help="Faster, and not what the paper does: m is learned on some texts, then frozen for the "
        "others. The set says so wherever it is shown.",
    ):
        fields["m_from"] = st.number_input("Texts that m is learned on", 1, 500, 8, key="set_k")
    with st.expander("Advanced", icon=":material/tune:", key="set_advanced"):
        fields["seed"] = st.number_input("Seed", 0, 2**30 - 1, 0, key="set_seed")
        fields["attempts"] = st.number_input("Seeds tried for each", 1, 20, 3, key="set_attempts")
        fields["recipe"] = recipes.choose("independent")
        st.caption(arrangement.why(card))
    if fields["recipe"] is None or (what == GATHER and not gathered):
        return
    _start(valid(SolveSetSpec, fields | {"texts": gathered}), card)


def _start(spec: SolveSetSpec, card: catalog.ModelCard) -> None:
    assert card.folder is not None
    given = [text.text for text in spec.texts]
    if altered := find_alterations(given, (), cached.tokenizer(card.folder), spec.length):
        st.warning(escaped(altered), icon=":material/spellcheck:")
    seconds = step_time.known(spec.model, spec.recipe)
    found = estimate(spec, card.parameters, seconds)
    st.caption(escaped(found.sentence))
    step_time.offer(spec.model, spec.length, spec.arrangement, spec.recipe, "set_time")
    if slow_start.button(found.expected, "set_start", quicker="A smaller set is quicker."):
        server.submit(spec)
        st.rerun()
