"""In which language a person reads the pages: what the link says, what they chose, their browser's.

A link with `?lang=de` opens a page in that language and is remembered by a cookie (`visitors.py`).
"""

import threading
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from explorer.base import language
from explorer.base.language import tr
from widgets import sources

LANGUAGE = "lang"
CHOICES = {
    "whose", "roles-target", "metric", "text_axis", "colour", "recorded", "space", "method",
    "map_vector", "recipe", "model", "source", "room", "vector",
}  # fmt: skip
"""Parameters of a link that hold what a choice is called on the page: Streamlit binds them so."""

_run = threading.local()
"""The run of a script that a thread is at, and its language."""


def current() -> str:
    """Return the language of the person whose page runs; English where none does.

    A page says hundreds of sentences, so it is asked once in each run of its script.
    """
    page = get_script_run_ctx(suppress_warning=True)
    if page is None:
        return language.ENGLISH
    if getattr(_run, "page", None) is not page:
        browsers = (getattr(st.context, "locale", None) or "").partition("-")[0]
        kept = st.context.cookies.get(LANGUAGE)
        _run.page, _run.language = page, first_of(st.query_params.get(LANGUAGE), kept, browsers)
        language.heard(_run.language)
    return str(_run.language)


def first_of(*codes: str | None) -> str:
    """Return the first of these codes that is a language's; English if none is."""
    return next((code for code in codes if code in language.NAMES), language.ENGLISH)


def begin() -> None:
    """Let everything that is said follow the person whose page runs."""
    language.follow(current)


def choose() -> None:
    """Offer the other languages: a link each, which loads the same page anew."""
    others = [code for code in language.NAMES if code != current()]
    here = st.query_params.to_dict()
    links = " · ".join(
        f"[{language.NAMES[code]}](?{urlencode(here | {LANGUAGE: code})})" for code in others
    )
    st.markdown(tr(":material/translate: In another language: {links}", links=links))


def let_browsers_translate() -> None:
    """Get the page ready for a translation by the browser: tokens stay, and the page goes on."""
    sources.component("translation", "translation.js", html=None)(key="translation")
