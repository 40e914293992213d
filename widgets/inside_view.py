"""A look inside a pass, on the page: the lens, attention, what is needed, what is written."""

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from explorer.base.collection import Stored
from explorer.base.formatting import human_seconds
from explorer.base.language import amount, later, retold, tr
from explorer.figures import inside as charts
from explorer.figures import inside_strips as strips
from explorer.figures.inside_names import CELLS
from explorer.inside import reading, tables
from explorer.inside.header import InsideHeader, Part
from explorer.inside.result import FILE, LOOKS, Inside, folder_of
from explorer.jobs.client import Job
from explorer.specs.jobs import InsideSpec
from widgets import cached, download, inside_set_up, linked, token_strip
from widgets import charts as chart_widget
from widgets.copy_link import copy_link
from widgets.following import follow
from widgets.linked import Kind, in_folder
from widgets.markdown import escaped

CUT_HELP = later(
    "At a layer where attention to e is cut, no position can see another one that holds e; what is "
    "left of its attention adds up to 1 again."
)
NOISE_HELP = later(
    "Noise is added in a random direction: to e alone, to m alone, or to both. The strip shows the "
    "first direction."
)
SCALE_HELP = later("e or m is multiplied by a factor.")
E_ALONE = (
    later("Noise is added to e in a random direction. The strip shows the first direction."),
    later("e is multiplied by a factor."),
)
"""Of noise and of a scale where the input holds no m."""


def result() -> None:
    """Show what the link names: a job, a look inside a solution; else the recorded example."""
    name = st.query_params.get("solution")
    if not name or st.query_params.get("job"):
        linked.show(
            KIND,
            {},
            LOOKS.shipped(),
            button=tr("Look inside"),
            empty=tr("Choose a solution and press Look inside."),
        )
        return
    looks = [look for look in LOOKS.all() if look.said is not None and look.said.solution == name]
    if not looks:
        st.info(tr("Nobody has looked inside this solution yet. Press Look inside."))
        return
    look = max(looks, key=_parts)  # of equal ones the newest
    show(look.file, f"solution-{look.id}", f"?solution={name}")


def _parts(look: Stored[InsideHeader]) -> int:
    """Count the parts of a look: one that was stopped has fewer."""
    said = look.said
    return 0 if said is None else len({t.part for t in said.trials}) + bool(said.writings)


def show(file: Path, key: str, query: str) -> None:
    """Show a look inside: its text, one of its views, and downloads."""
    found = cached.inside.if_there(file)
    if found is None:
        st.info(tr("Nothing was measured here."))
        return
    header = found.header
    st.text(header.text.text)
    st.caption(escaped(reading.sentence(found)))
    for notice in header.notices:
        st.info(escaped(retold(notice)), icon=":material/info:")
    view = st.segmented_control(
        tr("View"),
        list(VIEWS),
        format_func=tr,
        default=next(iter(VIEWS)),
        required=True,
        key=f"view-{key}",
        label_visibility="collapsed",
    )
    VIEWS[view or next(iter(VIEWS))](found, key)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for label, name, data, said in (
            (tr("All tables (zip)"), "inside.zip", partial(tables.archive, found, file), "CSV"),
            (tr("All numbers"), FILE, file.read_bytes, "safetensors"),
        ):
            download.button(label, data, name, f"download-{name}-{key}", said)
        if query:
            copy_link(f"link-{key}", query)
    taken = ", ".join(f"{tr(p)} {amount(human_seconds(s))}" for p, s in header.seconds.items())
    st.caption(
        escaped(
            tr(
                "Solution {id}, seed {seed}. Computed in {precision}: {times}.",
                id=header.solution,
                seed=header.seed,
                precision=header.confirmed_in,
                times=taken,
            )
        )
    )


def _layers(found: Inside, key: str) -> None:
    st.write(
        tr(
            "Each layer's hidden state is sent straight to the final norm and the output matrix. "
            "Press ▶ to see the text take shape from the input to the last layer."
        )
    )
    token_strip.walk(f"lens-{key}", strips.through_layers(found), run=key)
    chart_widget.show(cached.once(charts.by_layer, found), key)
    chart_widget.show(cached.once(charts.lens, found), key)
    st.caption(tr(CELLS))


def _attention(found: Inside, key: str) -> None:
    header = found.header
    if not header.heads:
        st.info(tr("This model gives no attention weights."))
        return
    if header.roles[0] == "e":
        st.write(
            tr(
                "Here e comes first. Models like this one send spare attention to the first "
                "position, whatever is there (an attention sink). The dotted line shows how much, "
                "when the model reads the same text as ordinary tokens. Attention to e is the sum "
                "of both kinds."
            )
        )
    left, right = st.columns(2)
    asked = left.selectbox(
        tr("Head"),
        ["all", *range(1, header.heads + 1)],
        format_func=lambda head: tr("all") if head == "all" else str(head),
        key=f"head-{key}",
    )
    head = None if asked == "all" or asked is None else int(asked) - 1
    to_e = reading.shares(found)[..., 1].mean(1)
    layer = 1
    if header.layers > 1:
        layer = right.slider(
            tr("Layer of the map"), 1, header.layers, int(to_e.argmin()) + 1, key=f"layer-{key}"
        )
    chart_widget.show(cached.once(charts.attention_by_layer, found, head), key)
    left, right = st.columns([3, 2])
    with left:
        chart_widget.show(charts.attention_map(found, layer - 1, head), key)
    with right:
        chart_widget.show(cached.once(charts.heads, found), key)


def _needed(found: Inside, key: str) -> None:
    if not found.header.trials:
        st.info(tr("This look was stopped before anything was changed. Press Look inside again."))
    moved, scaled = (NOISE_HELP, SCALE_HELP) if "m" in found.header.roles else E_ALONE
    parts: tuple[tuple[Part, str, Callable[[Inside], charts.Chart]], ...] = (
        ("cut", tr(CUT_HELP), charts.cuts),
        ("noise", tr(moved), charts.noise),
        ("scale", tr(scaled), charts.scales),
    )
    for part, said, draw in parts:
        if found.trials(part):
            st.caption(said)
            chart_widget.show(cached.once(draw, found), key)
            token_strip.walk(f"{part}-{key}", strips.trials(found, part), run=f"{part}-{key}")
    if rows := found.trials("swap"):
        st.subheader(tr("e of one solution, m of another"), anchor=False)
        for row, line in zip(rows, tables.swaps(found).to_dict("records"), strict=True):
            _swap(found, key, row, line)


def _swap(found: Inside, key: str, row: int, line: Mapping[Hashable, Any]) -> None:
    other = found.header.others[int(found.header.trials[row].at)]
    theirs = tr("another restart of this text (seed {seed})", seed=other.seed)
    if not other.same_text:
        theirs = f"“{other.text.text}”"
    own_e = found.header.trials[row].what == "e"
    pair = (
        tr("This e with the m of {other}", other=theirs)
        if own_e
        else tr("This m with the e of {other}", other=theirs)
    )
    share, others = (f"{line[f'share of {text} text']:.0%}" for text in ("this", "the other"))
    said = (
        tr("{pair}: {share} of this text is correct.", pair=pair, share=share)
        if other.same_text
        else tr(
            "{pair}: {share} of this text and {others} of the other text is correct.",
            pair=pair,
            share=share,
            others=others,
        )
    )
    st.caption(escaped(said + (" " + tr("Both share one m.") if other.same_m else "")))
    shows_other = not other.same_text and not own_e
    token_strip.still(f"swap-{row}-{key}", strips.swap(found, row, other=shows_other))


def _writing(found: Inside, key: str) -> None:
    st.write(
        tr(
            "If e and m carried the text's meaning, the model could go on from them, or answer "
            "questions about it, as it does after the text itself."
        )
    )
    if not found.header.writings:
        if st.button(
            tr("Let the model go on writing"), icon=":material/edit_note:", key=f"write-{key}"
        ):
            again = reading.asked_again(found)
            inside_set_up.submit(again.model_copy(update={"write": True}))
        return
    table = tables.writings(found)
    asked = table["question"].str.removeprefix("Question: ").str.removesuffix("\nAnswer:")
    table = table.assign(question=asked, start=table["start"].map(tr))
    st.dataframe(
        table, hide_index=True, key=f"writings-{key}", row_height=70, height=40 + 70 * len(table),
        alt=tr("What the model writes after e and m, after the text itself and after nothing"),
        column_config={
            "start": tr("after"),
            "question": st.column_config.TextColumn(tr("asked"), width="medium"),
            "text": st.column_config.TextColumn(tr("it writes"), width="large"),
            "like_text": st.column_config.NumberColumn(tr("like the text"), format="%.2f",
                help=tr("Cosine of its sentence embedding with that of the solution's text.")),
            "like_next": st.column_config.NumberColumn(tr("like what follows it"), format="%.2f",
                help=tr("The same with what the model writes after the text itself.")),
        },
    )  # fmt: skip


VIEWS: dict[str, Callable[[Inside, str], None]] = {
    later("Through the layers"): _layers,
    later("Where positions look"): _attention,
    later("What is needed"): _needed,
    later("Is it understood?"): _writing,
}


def _so_far(job: Job) -> None:
    found = cached.inside.if_there(folder_of(job.id) / FILE)
    if found is not None:
        token_strip.walk(f"lens-{job.id}", strips.through_layers(found), run=job.id)
        chart_widget.show(cached.once(charts.by_layer, found), job.id, extras=False)


KIND = Kind(
    lambda spec: isinstance(spec, InsideSpec),
    lambda job_id: follow(job_id, f"?job={job_id}", results=_so_far),
    in_folder(folder_of, FILE),
    show,
    later("This was stopped before the first part was measured; nothing was saved."),
)
