"""Which model: the picker every page shares, and what a person should know about the choice."""

import streamlit as st

from explorer.assets import allowed_folders, catalog, memory
from explorer.assets.catalog import ModelCard
from explorer.base.errors import ExplorerError
from explorer.base.formatting import human_bytes, human_count
from explorer.base.language import retold, tr
from explorer.specs.jobs import DownloadSpec
from widgets import jobs, server
from widgets.again import run_again
from widgets.following import follow
from widgets.markdown import escaped

OTHER = "other"


def choose(first: str | None = None) -> ModelCard | None:
    """Show the picker and return the chosen model, or None while the choice is not a model.

    Args:
        first: name or hub id of what is chosen before anybody has; None: the embedded model.
    """
    cards = {card.name: card for card in catalog.known_models()}
    names = {name: card.title for name, card in cards.items()} | {OTHER: tr("Another model")}
    at = 0 if first is None else [*cards, OTHER].index(first if first in cards else OTHER)
    name = st.selectbox(
        tr("Model"),
        list(names),
        at,
        format_func=names.__getitem__,
        key="model",
        bind="query-params",
    )
    if name != OTHER:
        card = cards[name]
    else:
        typed = st.text_input(
            tr("Hub id or folder"),
            "" if first is None or first in cards else first,
            key="other_model",
            placeholder=tr("EleutherAI/pythia-70m or /path/to/a/model"),
            persist_state="session",
        )
        if not typed:
            return None
        try:
            server.require(allowed_folders.in_model(typed))
            # others name a hub model, also where a folder here is called like it
            card = catalog.find(catalog.from_here(typed.strip()) if server.is_private() else typed)
        except ExplorerError as error:
            st.error(escaped(str(error)), icon=":material/error:")
            return None
    st.caption(escaped(describe(card)))
    return card


def describe(card: ModelCard) -> str:
    """Say in one line how large a model is and whether it is here."""
    parts = []
    if card.parameters:
        parts.append(tr("{count} parameters", count=human_count(card.parameters)))
    if card.d_model:
        parts.append(tr("vectors of {count} numbers", count=card.d_model))
    if needed := memory.needed_by(card):
        parts.append(tr("needs about {size} of memory (float32)", size=human_bytes(needed)))
    parts.append(tr("on this disk") if card.folder else tr("not downloaded yet"))
    if same := catalog.same_weights(card):
        parts.append(tr("same weights as {models}", models=", ".join(same)))
    if card.gated and not card.folder:
        parts.append(tr("gated: accept its license on the hub first"))
    return " · ".join(parts)


def download(card: ModelCard) -> None:
    """Show how a model that is not on this disk gets here: in progress, failed, or a button."""
    spec = DownloadSpec(model=card.name)
    job = jobs.newest(spec)
    if job is not None and not job.over:
        follow(job.id)
        return
    if job is not None and job.error:
        st.warning(escaped(retold(job.error)), icon=":material/cloud_off:")
    else:
        st.write(escaped(tr("{model} is not downloaded yet.", model=card.title)))
    if st.button(
        tr("Try again") if job else tr("Download"), icon=":material/download:", key="bring"
    ):
        server.submit(spec)
        run_again()
