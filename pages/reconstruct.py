"""Train two vectors on a text and watch a frozen model learn to say it in one forward pass."""

import streamlit as st

from explorer.base.formatting import counted
from explorer.base.value import valid
from explorer.estimates import outlook
from explorer.figures.strip import preview_data
from explorer.people import queue
from explorer.people.assignment import MOST_LETTERS, Assignment
from explorer.runtime import step_times
from explorer.solutions import store
from explorer.specs.jobs import MAX_RESTARTS, ReconstructSpec
from explorer.texts.alterations import find_alteration
from explorer.texts.targets import MAX_TARGET_TOKENS, target_ids
from widgets import (
    arrangement,
    assignments,
    cached,
    length,
    linked,
    models,
    recipes,
    recorded,
    run_view,
    server,
    slow_start,
    start,
    step_time,
    text_source,
    token_strip,
)
from widgets.guard import sentences
from widgets.markdown import escaped
from widgets.scheme import scheme

MOST_PREVIEWED = 160
MAX_SEED = 2**31 - 1 - MAX_RESTARTS
ROOM = 8  # tokens behind the target that an assignment keeps, for the last word to end alike
RESTARTS = "Different starts of one text, trained side by side."
UNTIL = "Once one restart is exact the others end, and keep the best vectors they have."


def set_up() -> None:
    """Model, text, length, advanced settings, and Start."""
    wanted = assignments.opened() or Assignment(text=text_source.DEFAULT)
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
        most, wanted.n, "length",
        help="The first N tokens of the text are the target. Up to about 32 is quick on a CPU.",
    )  # fmt: skip
    first = ids[:MOST_PREVIEWED]
    groups = [(g.start, g.stop, g.text) for g in tokenizer.groups(first)]
    altered = find_alteration(passage.text, tokenizer, first[:chosen])
    token_strip.preview(
        "preview",
        preview_data(
            first, groups, tokenizer.pieces(first), chosen, altered.groups if altered else ()
        ),
    )
    if altered:
        st.warning(escaped(altered.sentence), icon=":material/spellcheck:")
    count = f"{len(ids)}+ tokens" if more else counted(len(ids), "token")
    first_of = "the first is" if chosen == 1 else f"the first {chosen} are"
    st.caption(f"{count}; {'it is' if len(ids) == 1 else first_of} the target.")
    with st.expander("Advanced", icon=":material/tune:", key="advanced"):
        laid_out = arrangement.choose(card, wanted.arrangement)
        left, right = st.columns(2)
        restarts = left.number_input(
            "Restarts", 1, MAX_RESTARTS, wanted.restarts, key="restarts", help=RESTARTS
        )
        seed = right.number_input("First seed", 0, MAX_SEED, wanted.seed, key="seed")
        early = st.toggle(
            "Stop at the first exact restart", wanted.until == "first", key="until", help=UNTIL
        )
        recipe = recipes.choose(wanted.preset, wanted.recipe)
    if recipe is None:
        slow_start.button(None)
        return
    fields = {
        "model": card.name,
        "text": tokenizer.decode(ids[: min(len(ids), chosen + 64)]) if more else passage.text,
        "length": chosen,
        "arrangement": laid_out,
        "recipe": recipe,
        "restarts": restarts,
        "seed": seed,
        "until": "first" if early else "all",
        "title": passage.title[:300],
        "source": passage.source,
    }
    spec = valid(ReconstructSpec, fields)
    timed = step_time.known(card.name, recipe)
    assumed = timed or step_times.assumed(card.parameters)
    if slow_start.button(outlook.of_text(spec, assumed).seconds):
        st.query_params.pop("solution", None)
        st.query_params["job"] = server.submit(spec)
    st.caption(f"{outlook.of_text(spec, timed).sentence} {queue.load(spec, assumed).sentence}")
    short = len(passage.text) <= MOST_LETTERS and not more
    assignments.share(spec, passage.text if short else tokenizer.decode(ids[: chosen + ROOM]))


def result() -> None:
    """Show what the link names: a job, a solution, or else a run that ships with the project."""
    linked.show(
        run_view.RUNS,
        {"solution": lambda name: store.find_pair(name).parent},
        store.shipped_runs(),
        button="Start",
        empty="Choose a text and press Start.",
        choose=recorded.choose,
    )


start.through_entry()
st.title("Two vectors, one forward pass", anchor=False)
left, right = st.columns([2, 5], gap="large")
with left, sentences():
    set_up()
with right:
    with st.expander("How it works", expanded=not st.query_params.get("job"), key="how"):
        st.write(
            "Feed a frozen language model a vector **e** once and a vector **m** again and again. "
            "Nothing else goes in. Train only these two, and the model says a whole text in one "
            "forward pass: every token at once, none of them seen by the next."
        )
        scheme("e+mN", ["The", " ferry", " leaves", " at", " dawn"])
    with sentences():
        result()
