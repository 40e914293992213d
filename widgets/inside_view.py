"""A look inside a pass, on the page: the lens, attention, what is needed, what is written."""

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from explorer.base.formatting import human_seconds
from explorer.figures import inside as charts
from explorer.figures import inside_strips as strips
from explorer.inside import reading, tables
from explorer.inside.header import Part
from explorer.inside.result import FILE, LOOKS, Inside, folder_of
from explorer.jobs.client import Job
from explorer.specs.jobs import InsideSpec
from widgets import cached, download, inside_set_up, linked, token_strip
from widgets import charts as chart_widget
from widgets.copy_link import copy_link
from widgets.following import follow
from widgets.linked import Kind
from widgets.markdown import escaped

CUT_HELP = (
    "At a layer where attention to e is cut, positions that hold m cannot see e; what is left of "
    "their attention adds up to 1 again."
)


def result() -> None:
    """Show what the link names: a job, a look inside a solution; else the recorded example."""
    name = st.query_params.get("solution")
    if KIND.show_job() or not name:
        if not st.query_params.get("job"):
            linked.show(
                KIND,
                {},
                LOOKS.shipped(),
                button="Look inside",
                empty="Choose a solution and press Look inside.",
            )
        return
    looks = [look for look in LOOKS.all() if look.said is not None and look.said.solution == name]
    if not looks:
        st.info("Press Look inside: the pass of this solution was not looked into yet.")
        return
    show(looks[0].file, f"solution-{looks[0].id}", f"?solution={name}")


def show(file: Path, key: str, query: str) -> None:
    """Show a look inside: its text, one of its views, and downloads."""
    found = cached.inside.if_there(file)
    if found is None:
        st.info("Nothing was measured here.")
        return
    header = found.header
    st.text(header.text.text)
    st.caption(escaped(reading.sentence(found)))
    for notice in header.notices:
        st.info(escaped(notice), icon=":material/info:")
    view = st.segmented_control(
        "View",
        list(VIEWS),
        default=next(iter(VIEWS)),
        required=True,
        key=f"view-{key}",
        label_visibility="collapsed",
    )
    VIEWS[view or next(iter(VIEWS))](found, key)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for label, name, data, said in (
            ("All tables (zip)", "inside.zip", partial(tables.archive, found, file), "CSV files."),
            ("All numbers", FILE, file.read_bytes, "As safetensors."),
        ):
            download.button(label, data, name, f"download-{name}-{key}", said)
        if query:
            copy_link(f"link-{key}", query)
    taken = ", ".join(f"{part} {human_seconds(s)}" for part, s in header.seconds.items())
    st.caption(
        escaped(
            f"Solution {header.solution}, seed {header.seed}. Computed in "
            f"{header.confirmed_in}: {taken}."
        )
    )


def _layers(found: Inside, key: str) -> None:
    st.write(
        "Each layer's hidden state is sent straight to the final norm and the output matrix. "
        "Play it: the text comes into being from the input to the last layer."
    )
    token_strip.walk(f"lens-{key}", strips.through_layers(found), run=key)
    chart_widget.show(cached.once(charts.by_layer, found), key)
    chart_widget.show(cached.once(charts.lens, found), key)


def _attention(found: Inside, key: str) -> None:
    header = found.header
    if not header.heads:
        st.info("This model gives no attention weights.")
        return
    if header.roles[0] == "e":
        st.write(
            "e stands first here. Models like this send attention that reads nothing to the first "
            "position, whatever stands there (an attention sink): the dotted line shows how much "
            "when the same text is read as ordinary tokens. What goes to e is both."
        )
    left, right = st.columns(2)
    asked = left.selectbox("Head", ["all", *range(1, header.heads + 1)], key=f"head-{key}")
    head = None if asked == "all" or asked is None else int(asked) - 1
    to_e = reading.shares(found)[..., 1].mean(1)
    layer = right.slider(
        "Layer of the map", 1, header.layers, int(to_e.argmin()) + 1, key=f"layer-{key}"
    )
    chart_widget.show(cached.once(charts.attention_by_layer, found, head), key)
    left, right = st.columns([3, 2])
    with left:
        chart_widget.show(charts.attention_map(found, layer - 1, head), key)
    with right:
        chart_widget.show(cached.once(charts.heads, found), key)


def _needed(found: Inside, key: str) -> None:
    parts: tuple[tuple[Part, str, Callable[[Inside], charts.Chart]], ...] = (
        ("cut", CUT_HELP, charts.cuts),
        (
            "noise",
            "Noise goes into a random direction, of e alone, of m alone, or of both. The "
            "strip shows the first direction.",
            charts.noise,
        ),
        ("scale", "e or m is multiplied by a factor.", charts.scales),
    )
    for part, said, draw in parts:
        if found.trials(part):
            st.caption(said)
            chart_widget.show(cached.once(draw, found), key)
            token_strip.walk(f"{part}-{key}", strips.trials(found, part), run=f"{part}-{key}")
    if rows := found.trials("swap"):
        st.subheader("e of one solution, m of another", anchor=False)
        for row, line in zip(rows, tables.swaps(found).to_dict("records"), strict=True):
            _swap(found, key, row, line)


def _swap(found: Inside, key: str, row: int, line: Mapping[Hashable, Any]) -> None:
    other = found.header.others[int(found.header.trials[row].at)]
    theirs = f"another restart of this text (seed {other.seed})"
    if not other.same_text:
        theirs = f"“{other.text.text}”"
    own_e = found.header.trials[row].what == "e"
    parts = ("this e with the m of", "this m with the e of")
    said = (
        f"{parts[0] if own_e else parts[1]} {theirs}: {line['share of this text']:.0%} of this text"
    )
    if not other.same_text:
        said += f" and {line['share of the other text']:.0%} of the other text"
    said += " is right; both share one m" if other.same_m else " is right"
    st.caption(escaped(f"{said[0].upper()}{said[1:]}."))
    shows_other = not other.same_text and not own_e
    token_strip.still(f"swap-{row}-{key}", strips.swap(found, row, other=shows_other))


def _writing(found: Inside, key: str) -> None:
    st.write(
        "If e and m carried the text's meaning, the model could go on from them, or answer "
        "questions about it, as it does after the text itself."
    )
    if not found.header.writings:
        if st.button(
            "Let the model go on writing", icon=":material/edit_note:", key=f"write-{key}"
        ):
            inside_set_up.submit(InsideSpec(solution=found.header.solution, write=True))
        return
    table = tables.writings(found)
    asked = table["question"].str.removeprefix("Question: ").str.removesuffix("\nAnswer:")
    table = table.assign(question=asked)
    st.dataframe(
        table, hide_index=True, key=f"writings-{key}", row_height=70, height=40 + 70 * len(table),
        alt="What the model writes after e and m, after the text itself and after nothing",
        column_config={
            "start": "after", "question": st.column_config.TextColumn("asked", width="medium"),
            "text": st.column_config.TextColumn("it writes", width="large"),
            "like_text": st.column_config.NumberColumn("like the text", format="%.2f",
                help="Cosine of sentence embeddings with the solution's text."),
            "like_next": st.column_config.NumberColumn("like what follows it", format="%.2f",
                help="The same with what the model writes after the text itself."),
        },
    )  # fmt: skip


VIEWS: dict[str, Callable[[Inside, str], None]] = {
    "Through the layers": _layers,
    "Where positions look": _attention,
    "What is needed": _needed,
    "Is it understood?": _writing,
}


def _file_of(job_id: str, _job: Job | None) -> Path | None:
    file = folder_of(job_id) / FILE
    return file if file.is_file() else None


def _so_far(job: Job) -> None:
    found = cached.inside.if_there(folder_of(job.id) / FILE)
    if found is not None:
        token_strip.walk(f"lens-{job.id}", strips.through_layers(found), run=job.id)
        chart_widget.show(cached.once(charts.by_layer, found), job.id, extras=False)


KIND = Kind(
    lambda spec: isinstance(spec, InsideSpec),
    lambda job_id: follow(job_id, f"?job={job_id}", results=_so_far),
    _file_of,
    show,
    "This was stopped before the first part was measured; nothing was saved.",
)
