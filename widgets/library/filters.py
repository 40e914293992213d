"""What of the library is shown: a search box, and filters beside it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st

from explorer.base.language import later, tr
from explorer.library.items import Item
from explorer.library.labels import Kind
from explorer.library.selection import Wish, chosen, model_of, origin_of
from widgets import server
from widgets.choice import one_of

EVERYONES, MINE = later("Everyone’s"), later("Mine")


def choose(kind: Kind, items: Sequence[Item]) -> list[Item]:
    """Show search and filters for a kind of items; return those that fit."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            tr("Search"),
            key="find",
            bind="query-params",
            type="search",
            placeholder=tr("text, name, note, tag, model, seed 3 …"),
            label_visibility="collapsed",
            icon=":material/search:",
        )
        with st.popover(tr("Filter"), icon=":material/filter_list:", key="filter"):
            wish = _wish(kind, items, words or "")
        if (me := server.person().id) is not None:
            whose = one_of(
                tr("Whose"),
                (EVERYONES, MINE),
                key="whose",
                bind="query-params",
                label_visibility="collapsed",
            )
            wish = replace(wish, owner=me if whose == MINE else None)
    return chosen(items, wish)


def _wish(kind: Kind, items: Sequence[Item], words: str) -> Wish:
    models = _several(later("Model"), kind, {model_of(item) for item in items})
    tags = _several(later("Tags"), kind, {tag for item in items for tag in item.label.tags})
    origins = _several(later("Made"), kind, {origin_of(item) for item in items}, tr)
    exact = kind in ("solution", "run") and st.toggle(tr("Only exact ones"), key=f"exact-{kind}")
    return Wish(words=words, models=models, tags=tags, origins=origins, exact=exact)


def _several(
    label: str, kind: Kind, options: set[str], called: Callable[[str], str] = str
) -> tuple[str, ...]:
    known = sorted(option for option in options if option)
    if len(known) < 2 and label != "Tags":
        return ()
    return tuple(st.multiselect(tr(label), known, format_func=called, key=f"{label}-{kind}"))
