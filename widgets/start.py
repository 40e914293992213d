"""What the app does once when it opens: a worker, and the embedded model if it is not here."""

import logging
import os
import sys
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.pages_manager import PagesManager

from explorer import __version__
from explorer.assets import catalog
from explorer.base.errors import ExplorerError
from explorer.base.language import tr
from explorer.jobs import client
from explorer.people import host
from explorer.runtime import logs, process
from explorer.specs.jobs import DownloadSpec
from widgets.markdown import escaped

ICON = str(Path(__file__).with_name("icon.svg"))
"""A file of our own: named icons would be fetched from the network."""

ENTERED = "entered through app.py"


def about() -> str:
    """Return what the menu's About says."""
    said = tr(
        "A frozen language model outputs a whole text in one forward pass, from two trained "
        "vectors ([arXiv 2505.21189](https://arxiv.org/abs/2505.21189))."
    )
    return f"**Proto-Token Explorer** {__version__}\n\n{said}"


def entry() -> None:
    """Note that this session runs through the entry point."""
    st.session_state[ENTERED] = True


def through_entry() -> None:
    """Run the entry point instead, if Streamlit has run a page's file by itself.

    It does so when a page's address is the first that is opened on a fresh server: until
    `st.navigation` was called once, it takes a folder `pages/` for an app of its older kind.
    """
    if not st.session_state.get(ENTERED):
        PagesManager.uses_pages_directory = False  # as st.navigation sets it
        st.rerun()


def page(title: str) -> None:
    """Begin a page: through the entry point, with its title."""
    through_entry()
    st.title(title, anchor=False)


def announce_host() -> None:
    """Print how whoever starts the server becomes its host."""
    sys.stderr.write(f"\n  {host.notice()}\n")


@st.cache_resource(show_spinner=False)
def server() -> None:
    """Begin the server's log and leave the cores to the worker, once for each start."""
    logs.begin("web")
    process.leave_the_cores()
    of_pages = logging.getLogger("streamlit.error_util")
    if not any(isinstance(handler, _Failures) for handler in of_pages.handlers):
        of_pages.addHandler(_Failures())
    address, port = st.get_option("server.address"), st.get_option("server.port")
    logs.log.info(logs.line("server began", address=address, port=port, **logs.versions()))
    logs.log.info(host.notice())


class _Failures(logging.Handler):
    """Writes down what a page or a part of it raised and nobody caught; Streamlit shows it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write where it came from, without what it says."""
        if record.exc_info and record.exc_info[1] is not None:
            logs.log.error(logs.line("page failed") + logs.frames(record.exc_info[1]))


def style() -> None:
    """Give every page the house's spacing and figures that do not jump while they count."""
    st.html(Path(__file__).with_name("style.css"))


def sides() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Return the two sides of a page: what is set up, hidden on a projector, and what is seen."""
    left, right = st.columns([2, 5], gap="large")
    return left.container(key="controls"), right


def worker() -> None:
    """See that a worker is there; on a fresh machine, let it bring the embedded model."""
    try:
        client.ensure_workers()
        _download_embedded()
    except ExplorerError as error:
        said = tr("{problem} You can still look at recorded results.", problem=error)
        st.error(escaped(said), icon=":material/error:")


@st.cache_resource(show_spinner=False)
def _download_embedded() -> None:
    """Queue the embedded model once for each start of the server, if it is not on this disk."""
    card = catalog.known_models()[0]
    if card.folder is not None or os.environ.get("EXPLORER_NO_WORKER"):
        return
    waiting = client.jobs(open_only=True)
    if not any(isinstance(job.spec, DownloadSpec) for job in waiting):
        client.submit(DownloadSpec(model=card.name))
