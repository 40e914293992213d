"""The class page: everybody's texts, drawn from the one event stream; what its host can do."""

from urllib.parse import quote

import streamlit as st

from explorer.base.language import later, tr
from explorer.base.value import valid
from explorer.jobs import client
from explorer.people import limits, qr, wall
from explorer.people.limits import Limits
from widgets import server, sources
from widgets.again import run_again
from widgets.following import SCRIPTS, STYLES, drawing
from widgets.guard import sentences
from widgets.markdown import escaped

ALL_SCRIPTS = (*SCRIPTS, "wall.js")
_HTML = '<div class="wall"></div>'
LIMITS = {
    "jobs": later("Jobs at once, for each person"),
    "rows": later("Restarts at once, for each person"),
    "queue": later("Jobs at once, for all together"),
}


def show() -> None:
    """Show the wall; the script runs again only when the host takes a text off it."""
    component = sources.component("wall", *ALL_SCRIPTS, html=_HTML, styles=(*STYLES, "wall.css"))
    person = server.person()
    data = {
        "me": person.id,
        "host": person.is_host,
        "join": _join(),
        "spoken": sources.spoken(*ALL_SCRIPTS),
        "drawing": drawing(("strip", "numbers", "charts")),
    }
    result = component(key="wall", data=data, on_hide_change=lambda: None)
    if isinstance(job := result.get("hide"), str):
        wall.hide(person, [job])


def _join() -> dict[str, str] | None:
    """Return the address that a class opens, and its QR code; None where only this machine can."""
    address = server.reachable("classroom")
    code = qr.svg(address) if address else None
    if address is None or code is None:
        return None
    return {"address": address, "qr": f"data:image/svg+xml,{quote(code)}"}


def host() -> None:
    """Show to the host alone what they can set and clear up."""
    if not server.person().is_host:
        return
    with st.expander(tr("Host"), icon=":material/shield_person:", key="host"), sentences():
        left, right = st.columns(2, gap="large")
        with left:
            _limits()
        with right:
            _clear_up()


def _limits() -> None:
    now = limits.load()
    with st.form("limits", border=False):
        st.write(tr("Limits for everybody but the host"))
        numbers = {
            name: st.number_input(tr(label), value=getattr(now, name), step=1, key=f"limit-{name}")
            for name, label in LIMITS.items()
        }
        everyone = st.toggle(
            tr("Everybody may download from the hub"),
            now.downloads == "everyone",
            key="limit-downloads",
        )
        if st.form_submit_button(tr("Set limits"), icon=":material/save:"):
            downloads = {"downloads": "everyone" if everyone else "host"}
            limits.keep(valid(Limits, numbers | downloads), server.person())
            st.toast(tr("The limits are set."), icon=":material/check:")


def _clear_up() -> None:
    st.write(tr("Clear up"))
    under_way = client.jobs(open_only=True)
    with st.container(horizontal=True):
        if st.button(
            tr("Clear the wall"),
            icon=":material/ink_eraser:",
            key="clear-wall",
            help=tr("Takes off every text that is on it now; deletes none."),
        ):
            wall.clear(server.person())
            run_again()
        with st.popover(tr("Stop everything"), icon=":material/stop:", disabled=not under_way):
            st.write(tr("This stops everybody's jobs. What has been found is kept."))
            if st.button(tr("Yes, stop everything"), type="primary", key="stop-everything"):
                for job in under_way:
                    server.ask(job.id, "stop")
                run_again()
    if not (hidden := wall.hidden()):
        return
    st.caption(tr("Taken off the wall"))
    for taken, text in list(hidden.items())[:20]:
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button(tr("Put back"), key=f"put-back-{taken}", icon=":material/undo:"):
                wall.hide(server.person(), [taken], hidden=False)
                run_again()
            st.caption(escaped(text[:80]))
