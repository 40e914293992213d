"""One run on the page: live while it trains, played back when it is over."""

from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from explorer.base.files import csv_of
from explorer.base.formatting import counted, human_seconds, nats, speed
from explorer.base.language import later, retold, tr
from explorer.figures import run as charts
from explorer.figures.strip import strip_data
from explorer.jobs import client
from explorer.jobs.client import Job
from explorer.solutions import store
from explorer.solutions.recording import Recording
from explorer.solutions.solution import BEATEN, Solution, halted
from explorer.specs.jobs import ReconstructSpec
from widgets import cached, download, how_it_works, linked, look_inside, token_strip, words
from widgets import charts as chart_widget
from widgets.choice import one_of
from widgets.copy_link import copy_link
from widgets.following import HELP, Restart, follow
from widgets.linked import Kind
from widgets.markdown import escaped

BEST, ALL = later("Best"), later("All")


def _live(job_id: str) -> None:
    spec = client.get(job_id).spec
    assert isinstance(spec, ReconstructSpec)
    how_it_works.of_spec(spec)
    shown = restart_of(spec, job_id)
    follow(job_id, f"?job={job_id}", ("strip", "numbers", "charts"), shown)


def _made(job_id: str, _job: Job | None) -> Path | None:
    folder = store.run_folder(job_id)
    return folder if cached.run(folder)[0] is not None else None


def show_run(place: Path, key: str, query: str) -> None:
    """Show a finished run by its folder, or by the file of a solution in it.

    Strip with playback, numbers, charts, downloads; without a recording, that solution alone.

    If the page's link names none, it is the first thing that is seen, and plays by itself.
    """
    folder = place if place.is_dir() else place.parent
    recording, solutions = cached.run(folder)
    if not solutions:
        st.error(
            tr("No solution of this run can be read. Its files may still be in the cache folder."),
            icon=":material/error:",
        )
        return
    best = store.best_of(solutions, recording)
    if recording is None:
        _without_recording(best if place == folder else store.open_solution(str(place)), solutions)
        return
    how_it_works.of_recording(recording.header)
    named = next((s for s in solutions if place.stem == s.record.id), best)
    other = named is not best and named.record.seed in recording.header.seeds
    first: Restart = named.record.seed if other else "best"
    shown = _which_restarts(recording, key, first)
    data = cached.once(_playback, recording, tuple(shown))
    unasked = st.query_params.keys().isdisjoint(linked.NAMES)
    token_strip.playback(f"strip-{key}", data, run=f"{key}-{shown}", autoplay=unasked)
    _final_numbers(best, solutions, recording)
    _race(folder)
    _charts(recording, shown[0], key)
    _downloads(folder, recording, solutions, named.record.id, key, query)


RUNS = Kind(
    lambda spec: isinstance(spec, ReconstructSpec),
    _live,
    _made,
    show_run,
    later("This run was stopped before its first step; nothing was saved."),
)


def _playback(recording: Recording, shown: tuple[int, ...]) -> dict[str, Any]:
    return strip_data(recording, shown, play=True)


def _without_recording(shown: Solution, solutions: list[Solution]) -> None:
    """Show what is known of a solution of a set, or from elsewhere, beside its restarts."""
    st.info(
        tr("This solution has no recording, so there is nothing to play back."),
        icon=":material/info:",
    )
    st.text(shown.record.text)
    _final_numbers(shown, [s for s in solutions if _asked(s) == _asked(shown)], None)


def _asked(solution: Solution) -> tuple[object, ...]:
    """Return what the restarts of one text have in common."""
    record = solution.record
    return record.text, solution.length, record.fingerprint, record.arrangement


def restart_of(spec: ReconstructSpec, key: str) -> Restart:
    """Let a person choose which restart of a run under way is shown."""
    return _chosen([spec.seed + k for k in range(spec.restarts)], key)


def _chosen(seeds: list[int], key: str, first: Restart = "best") -> Restart:
    """Let a person choose which restart is shown, by its seed; or the best, or all.

    Args:
        seeds: of the restarts.
        key: of the choice.
        first: what is shown before anybody has chosen.
    """
    if len(seeds) == 1:
        return seeds[0]
    of_seeds = {str(seed): tr("seed {seed}", seed=seed) for seed in seeds}
    names = {"best": BEST} | of_seeds | {"all": ALL}
    chosen = one_of(
        tr("Restart"), names, str(first), key=f"restarts-{key}", label_visibility="collapsed"
    )
    if chosen == "all":
        return "all"
    return "best" if chosen == "best" else int(chosen)


def _which_restarts(recording: Recording, key: str, first: Restart) -> list[int]:
    """Let a person choose which restarts the strip shows."""
    seeds = recording.header.seeds
    chosen = _chosen(seeds, key, first)
    if chosen == "all":
        return list(range(len(seeds)))
    return [recording.best if chosen == "best" else seeds.index(chosen)]


def _final_numbers(shown: Solution, solutions: list[Solution], recording: Recording | None) -> None:
    record = shown.record
    steps = tr("Steps") if recording is None else tr("Steps, best restart")
    exact = sum(s.record.exact for s in solutions)
    with st.container(horizontal=True):
        words.metric(tr("Correct tokens (C_tokens)"), f"{record.c_tokens} / {shown.length}")
        words.metric(tr("Exact restarts"), f"{exact} / {len(solutions)}")
        words.metric("H_LM", nats(record.h_lm))
        words.metric(steps, f"{record.steps:,}", help=tr(HELP["steps"]))
        words.metric(tr("Time"), human_seconds(record.seconds))
        pace = record.steps / max(record.seconds, 1e-9)
        words.metric(tr("Steps per second"), f"{pace:.1f}")
    ended = [
        tr("seed {seed}: {reason}", seed=s.record.seed, reason=why)
        for s in solutions
        if (why := _why(s, recording))
    ]
    if ended:
        st.text(tr("Not exact: {restarts}.", restarts="; ".join(ended)))


def _why(solution: Solution, recording: Recording | None) -> str | None:
    """Say why a restart is not exact; old files give a rested one the reason of one in training."""
    record = solution.record
    if record.reason == BEATEN and recording is not None and recording.rested(record.seed):
        return retold(halted(record.steps))
    return record.reason and retold(record.reason)


REASONS = (
    later("halted after {steps} steps, when other restarts were ahead"),
    later("not exact within {steps} steps"),
    later("{reason} after {steps} joint ones"),
)
"""Why restarts that are kept are not exact, in the words of their files."""


def _race(folder: Path) -> None:
    race = store.race_of(folder)
    if race is None:
        return
    ratio = race.autoregressive_seconds / max(race.one_forward_seconds, 1e-9)
    device = escaped(race.device.upper())
    st.subheader(tr("One pass against one token at a time"), anchor=False)
    left, right = st.columns(2)
    with left.container(border=True):
        words.metric(tr("One forward pass from e and m"), human_seconds(race.one_forward_seconds))
        st.text(race.one_forward_text)
    with right.container(border=True):
        words.metric(tr("The model's own generation"), human_seconds(race.autoregressive_seconds))
        st.text(race.autoregressive_text)
    st.caption(
        tr(
            "{tokens} each, measured once on this run's {device} when it ended, after a warm-up: "
            "one pass is {speed}. Generation starts from the BOS token with a KV cache and takes "
            "the likeliest token each time; it writes a text of its own, not this one.",
            tokens=counted(race.tokens, "token"),
            device=device,
            speed=speed(ratio),
        )
    )


def _charts(recording: Recording, restart: int, key: str) -> None:
    top, bottom = st.columns(2), st.columns(2)
    for place, chart in (
        (top[0], cached.once(charts.accuracy_curves, recording)),
        (top[1], cached.once(charts.position_heatmap, recording, restart)),
        (bottom[0], cached.once(charts.loss_curves, recording)),
        (bottom[1], cached.once(charts.position_accuracy, recording)),
    ):
        with place:
            chart_widget.show(chart, key)


def _downloads(
    folder: Path,
    recording: Recording,
    solutions: list[Solution],
    first: str,
    key: str,
    query: str,
) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        records = {s.record.id: s.record for s in solutions}
        order = sorted(records, key=lambda i: (-records[i].accuracy, records[i].steps))
        chosen = st.selectbox(
            tr("Solution"),
            order,
            order.index(first),
            format_func=lambda i: tr(
                "seed {seed}, accuracy {accuracy}",
                seed=records[i].seed,
                accuracy=format(records[i].accuracy, ".3f"),
            ),
            key=f"solution-{key}",
            width=260,
        )
        file = folder / f"{chosen}.safetensors"
        table = partial(charts.full_table, recording)
        for label, made, name in (
            (later("Solution"), file.read_bytes, file.name),
            ("CSV", lambda: csv_of(table()), "recording.csv"),
            ("Parquet", lambda: table().to_parquet(index=False), "recording.parquet"),
        ):
            said = tr(DOWNLOAD_HELP[label])
            download.button(tr(label), made, name, f"download-{label}-{key}", said)
        if chosen:
            look_inside.link(chosen)
        copy_link(f"link-{key}", query)


DOWNLOAD_HELP = {
    "Solution": later("e, m and the target as safetensors, with everything that made them."),
    "CSV": later(
        "The recording: every position of every restart at every recorded step. step counts the "
        "steps of the run, restart_step those of the restart, which takes none while it rests or "
        "once it has ended."
    ),
    "Parquet": later("The same as a Parquet table."),
}
