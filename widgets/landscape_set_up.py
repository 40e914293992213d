"""Which plane to measure, and which solution to walk away from."""

import contextlib
from collections.abc import Iterable

import numpy as np
import streamlit as st

from explorer.base.errors import BadInputError
from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.jobs import client
from explorer.landscape.result import LANDSCAPES
from explorer.paths import places
from explorer.paths.result import Paths
from explorer.specs.jobs import LandscapeSpec, RadiusSpec
from widgets import cached, exact_solutions, linked, saved_paths
from widgets.again import run_again
from widgets.choice import told_apart

SIZES = {4: "17 × 17", 5: "33 × 33", 6: "65 × 65"}


def plane() -> None:
    """Ask which path's plane to measure and how finely, and measure it when asked."""
    sets = _sets()
    if not sets:
        raise BadInputError(
            tr("No solutions are connected yet. Connect two on the Paths page first.")
        )
    asked, of_pair = _asked(sets)
    if asked not in sets and "paths" in st.query_params:
        st.info(tr("The paths that the link names are not on this machine. These are others."))
    names = list(sets)
    of, at, fine, go = st.columns([3, 3, 2, 2], vertical_alignment="bottom")
    name = of.selectbox(
        tr("Paths"),
        names,
        names.index(asked) if asked in sets else 0,
        format_func=sets.__getitem__,
        key=f"plane-paths-{asked}",
    )
    found = cached.paths(places.find_paths(name))
    pairs = [k for k in np.flatnonzero(found.measured).tolist() if found.steps[k] > 0]
    if not pairs:
        raise BadInputError(
            tr("None of these paths has a trained curve. Connect two solutions again.")
        )
    given = of_pair if name == asked else ""
    first = next((at for at, k in enumerate(pairs) if str(k) == given), 0)
    titles = {k: f"{found.text(k).text[:36]} · {found.header.title(k)}" for k in pairs}
    called = told_apart(titles, found.header.ends)
    pair = at.selectbox(
        tr("Pair"),
        pairs,
        first,
        format_func=called.__getitem__,
        key=f"plane-pair-{name}-{given}",
    )
    level = fine.select_slider(
        tr("Points"),
        list(SIZES),
        5,
        format_func=SIZES.__getitem__,
        key="plane-level",
        help=tr("The grid starts with 9 × 9 points and becomes finer step by step."),
    )
    if go.button(
        tr("Measure the plane"),
        type="primary",
        icon=":material/landscape:",
        key="measure",
        width="stretch",
    ):
        linked.start(LandscapeSpec(paths=name, pair=pair, level=level))


def around() -> None:
    """Ask which solution to walk away from, and measure its radius when asked."""
    known = exact_solutions.records()
    if not known:
        raise BadInputError(
            tr("There are no exact solutions yet. Train some on the Reconstruct page.")
        )
    which, many, go = st.columns([6, 2, 2], vertical_alignment="bottom")
    with which:
        solution = exact_solutions.choose(tr("Solution"), list(known), "radius-of")
    directions = many.number_input(tr("Random directions"), 1, 256, 24, key="radius-directions")
    if solution and go.button(
        tr("Measure the radius"), icon=":material/radar:", key="measure-radius", width="stretch"
    ):
        linked.start(RadiusSpec(solution=solution, directions=directions), "radius")
        run_again()  # what it finds stands above


def _asked(sets: Iterable[str]) -> tuple[str, str]:
    """Return the set and pair that the link names, or whose plane is shown below."""
    link = st.query_params
    if "paths" in link:
        return link["paths"], link.get("pair", "")
    if "job" in link:
        with contextlib.suppress(BadInputError):  # only its result is left
            spec = client.get(link["job"]).spec
            if isinstance(spec, LandscapeSpec):
                return spec.paths, str(spec.pair)
    for file in LANDSCAPES.shipped():
        plane = LANDSCAPES.stored(file).said
        ends = {end.id for end in plane.ends} if plane else set()
        for name in sets:
            paths = cached.paths(places.find_paths(name)).header
            for k, pair in enumerate(paths.pairs):
                if {paths.solutions[i].id for i in pair} == ends:
                    return name, str(k)
    return "", ""


def _sets() -> dict[str, str]:
    """Return every set of paths that can be opened, by name, own ones first; say which cannot."""
    readable = saved_paths.readable()
    return told_apart({places.PATHS.id_of(file): _label(found) for file, found in readable})


def _label(paths: Paths) -> str:
    text = paths.header.texts[0].text
    many = f"{counted(len(paths), 'pair')}, " if len(paths) > 1 else ""
    return f"{many}{text[:50]}"
