"""Which solution to look inside, and how closely."""

import contextlib

import streamlit as st

from explorer.base.errors import BadInputError, ExplorerError
from explorer.base.language import tr
from explorer.inside.header import MOST_TOKENS
from explorer.inside.result import LOOKS
from explorer.jobs import client
from explorer.specs.jobs import InsideSpec
from widgets import exact_solutions
from widgets.again import run_again
from widgets.linked import start


def ask() -> None:
    """Show the solutions, the settings, and Look inside."""
    known = exact_solutions.records()
    short = [name for name, record in known.items() if record.c_tokens <= MOST_TOKENS]
    linked = st.query_params.get("solution") or _shown()
    if not short and not linked:
        raise BadInputError(
            tr("There are no exact solutions yet. Train one on the Reconstruct page.")
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = exact_solutions.choose(tr("Solution"), short, "inside-of", linked)
        with st.popover(tr("Settings"), icon=":material/tune:"):
            depths = st.number_input(
                tr("Layers at which attention is cut"),
                1,
                256,
                10,
                key="inside-depths",
                help=tr("Evenly spread over the model's layers. More take longer."),
            )
            draws = st.number_input(tr("Random directions of noise"), 1, 32, 2, key="inside-draws")
            write = st.toggle(
                tr("Let the model go on writing"),
                key="inside-write",
                help=tr(
                    "After e and m, after the text itself, and after nothing. It also answers two "
                    "questions. This takes longer than everything else."
                ),
            )
            other = st.text_input(
                tr("Swap e and m with another solution (its id)"),
                key="inside-other",
                help=tr("If empty: one of another text and one of this text, if there are any."),
            )
        asked = st.button(
            tr("Look inside"), type="primary", icon=":material/search_insights:", key="look-inside"
        )
    if asked and chosen:
        submit(InsideSpec(solution=chosen, depths=depths, draws=draws, write=write,
                          other=other.strip() or None))  # fmt: skip


def _shown() -> str | None:
    """Return the solution that the page shows a look into: of a job, else of the example."""
    with contextlib.suppress(ExplorerError):
        if job := st.query_params.get("job"):
            spec = client.get(job).spec
            return spec.solution if isinstance(spec, InsideSpec) else None
    example = next((look.said for look in LOOKS.all() if look.ships), None)
    return example.solution if example else None


def submit(spec: InsideSpec) -> None:
    """Queue a look, and let the link lead to it."""
    start(spec)
    run_again()
