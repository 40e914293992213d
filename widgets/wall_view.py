"""The class page's wall: a component that draws everybody's texts from the one event stream."""

from urllib.parse import quote

import streamlit as st

from explorer.people import qr, wall
from widgets import server, sources
from widgets.following import SCRIPTS, STYLES, drawing

ALL_SCRIPTS = (*SCRIPTS, "wall.js")
_HTML = '<div class="wall"></div>'


def show() -> None:
    """Show the wall; the script runs again only when the host takes a text off it."""
    component = st.components.v2.component(
        "wall",
        html=_HTML,
        css=sources.style(*STYLES, "wall.css"),
        js=sources.script(*ALL_SCRIPTS),
    )
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
