"""What fills the form: the link of an assignment, or of a run; and a link that others can open."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import streamlit as st

from explorer.assets import allowed_folders, catalog
from explorer.base.errors import ExplorerError
from explorer.base.language import later, tr
from explorer.base.value import valid
from explorer.jobs import client
from explorer.people import assignment, qr
from explorer.people.assignment import MOST_LETTERS, Assignment
from explorer.solutions import store
from explorer.solutions.solution import Solution
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import FAST, PRESETS
from widgets import server
from widgets.copy_link import copy_link
from widgets.guard import sentences
from widgets.markdown import escaped

OPENED, ASKED = "assignment", "asked-for"
HERE_ONLY = later(
    "This address works on this machine only. For a class, start the server with "
    "`--server.address 0.0.0.0` and open the page at this machine's address in the network."
)


def opened() -> Assignment | None:
    """Return the assignment whose link was opened in this visit; say so, or why it is none."""
    try:
        found = assignment.read(st.query_params.to_dict())
    except ExplorerError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return None
    if found is None:
        return st.session_state.get(OPENED)
    st.session_state[OPENED] = found
    if not st.query_params.get("job"):
        st.info(tr("This is an assignment: the form is filled in."), icon=":material/assignment:")
    return found


def wanted() -> Assignment | None:
    """Return what the form is to ask for: an opened assignment, else the run that a link names.

    The form of a run is remembered in this visit: whoever starts another one finds theirs.
    """
    if (found := opened()) is not None:
        return found
    if ASKED not in st.session_state:
        st.session_state[ASKED] = _of_run()
    asked: Assignment | None = st.session_state[ASKED]
    return asked


def _of_run() -> Assignment | None:
    """Return what was asked for when the job, or the solution, that the link names was made."""
    query = st.query_params
    with suppress(ExplorerError):
        if job := query.get("job"):
            with suppress(ExplorerError):
                spec = client.get(job).spec
                return _filled(spec) if isinstance(spec, ReconstructSpec) else None
            return _filled(_asked(store.siblings(store.run_folder(job) / store.RECORDING)))
        if solution := query.get("solution"):
            return _filled(_asked([store.open_solution(str(store.find_pair(solution)))]))
    return None


def _asked(solutions: Sequence[Solution]) -> ReconstructSpec | None:
    """Return what the solutions of one run were asked for with, as far as they know."""
    if not solutions:
        return None
    first = solutions[0].record
    known = {"model": first.model, "text": first.text, "length": solutions[0].length}
    made = {"arrangement": first.arrangement, "recipe": first.recipe, "seed": first.seed}
    return valid(ReconstructSpec, known | made | {"restarts": len(solutions)})


def _filled(spec: ReconstructSpec | None) -> Assignment | None:
    """Return a form that asks for the same, also where that would be too long for a link."""
    if spec is None:
        return None
    short = Assignment.of(spec, spec.text[:MOST_LETTERS])
    filled: dict[str, Any] = {"text": spec.text, "on": spec.model if _is_here(spec.model) else None}
    if short.preset not in PRESETS:  # a recipe of somebody's own: its fields, as changes to ours
        filled["recipe"] = spec.recipe.model_copy(update={"name": f"{FAST.name}, changed"})
    return short.model_copy(update=filled)


def _is_here(model: str) -> bool:
    """Return whether this visitor can choose a model, by the name that a run gives."""
    with suppress(ExplorerError):
        server.require(allowed_folders.in_model(model))
        catalog.find(model)
        return True
    return False


def share(spec: ReconstructSpec, text: str) -> None:
    """Offer the form as a link, with a QR code for the projector.

    Args:
        spec: what the form asks for.
        text: as much of the text as the target needs.
    """
    if st.button(
        tr("Share as assignment"), icon=":material/qr_code_2:", key="share", type="tertiary"
    ):
        with sentences():
            made = Assignment.of(spec, text)
            dialog = st.dialog(tr("Assignment"), width="large", icon=":material/assignment:")
            dialog(_shown)(made)


def _shown(made: Assignment) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.write(tr("Whoever opens this link finds the form filled in."))
        copy_link("share-link", made.query)
    address = server.reachable()
    if address is None:
        st.warning(tr(HERE_ONLY), icon=":material/wifi_off:")
    link = f"{address or server.address()}{made.query}"
    if (code := qr.svg(link)) is None:
        st.info(
            tr("The link is too long for a QR code that phones can read. Copy it instead."),
            icon=":material/info:",
        )
    else:
        drawn = f"data:image/svg+xml,{quote(code)}"
        called = tr("QR code of the assignment")
        st.html(f'<img class="qr" alt="{called}" src="{drawn}">')
    st.code(link, language=None, wrap_lines=True)
