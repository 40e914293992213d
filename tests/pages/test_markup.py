"""Words of others are shown as they are, on every page: nothing of them is read as markup."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from explorer.base import folders
from explorer.base.formatting import shortened
from explorer.figures.words import for_hover
from explorer.library.items import Item
from explorer.solutions import sets
from tests.hostile import HOSTILE, WORDS, fill
from tests.pages.driving import open_page
from widgets.library import table
from widgets.markdown import escaped

PAGES = sorted(file.stem for file in (folders.PROJECT / "pages").glob("[!_]*.py"))

READ_AS_MARKUP = re.compile(
    r"(?<!\\)!?\[\w*\]\(|(?<!\\)<(?:img src|a href|b>)|(?<!\\)\$evil|(?<!\\):red|:material/evil"
    r"|(?<!\\)\*\*evil|(?<!\\)`evil|http://evil|(?<!\\)www\.evil|\w@evil|:smile:|(?<!\\)&copy",
    re.IGNORECASE,
)
"""What of the hostile words Streamlit's Markdown would make something of."""

PLAIN = {
    ("text", "body"), ("code", "code_text"), ("text_area", "default"), ("text_area", "value"),
    ("text_input", "default"), ("text_input", "value"), ("selectbox", "options"),
    ("selectbox", "raw_value"), ("selectbox", "default"), ("multi_select", "options"),
    ("multi_select", "raw_values"), ("multi_select", "default"),
    ("bidi_component", "json"), ("link_button", "url"), ("page_link", "query_string"),
    ("download_button", "url"), ("plotly_chart", "spec"), ("plotly_chart", "alt"),
}  # fmt: skip
"""Kinds of elements and fields that show words as they are; Plotly is looked at by itself."""
NOT_SHOWN = {"id", "form_id", "key", "element_id", "user_key", "hash", "fragment_id"}


def _strings(message: Message) -> Iterator[tuple[str, str]]:
    """Yield every string in a message with the name of its field."""
    for field, value in message.ListFields():
        parts = value if field.is_repeated else [value]
        if isinstance(value, dict) or hasattr(value, "items"):
            parts = list(value.values())
        for part in parts:
            if isinstance(part, Message):
                yield from _strings(part)
            elif isinstance(part, str):
                yield field.name, part


def _elements(app: AppTest) -> Iterator[tuple[str, Message]]:
    def walk(node: Any) -> Iterator[tuple[str, Message]]:
        if isinstance(node.proto, Message):
            yield node.proto.DESCRIPTOR.name, node.proto
        for child in getattr(node, "children", {}).values():
            yield from walk(child)

    for child in app._tree.children.values():
        yield from walk(child)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def markup_in(app: AppTest) -> list[tuple[str, str, str]]:
    """Return what a page shows that would be read as markup: kind, field, words."""
    found = []
    for kind, proto in _elements(app):
        for name, words in _strings(proto):
            place = (_snake(kind), name)
            if name in NOT_SHOWN or place in PLAIN:
                continue
            if READ_AS_MARKUP.search(words):
                found.append((*place, words[:200]))
        if kind == "PlotlyChart" and re.search(r"<(img|a|script)", proto.spec):  # type: ignore[attr-defined]
            found.append(("plotly", "spec", ""))
    return found


@pytest.fixture(scope="module")
def hostile_cache(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A hostile library, and what its links lead to."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_CACHE", str(folder))
        return folder, fill()


@pytest.fixture
def links(
    hostile_cache: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    monkeypatch.setenv("EXPLORER_CACHE", str(hostile_cache[0]))
    return hostile_cache[1]


@pytest.mark.parametrize("word", WORDS)
def test_the_search_finds_what_it_looks_for(word: str) -> None:
    assert READ_AS_MARKUP.search(word) and not READ_AS_MARKUP.search(escaped(word))


def test_words_that_are_no_markup_stay_readable() -> None:
    for words in (
        "The disk is full. Free some space.",
        "Set EXPLORER_CACHE to a folder, such as /a/b (or c:/d); it's 5 % of 10-20, at 10: yes!",
    ):
        assert escaped(words).replace("\\:", ":") == words
    assert escaped("a\n b") == "a b"
    assert escaped("1. a") == r"1\. a" and escaped("# a") == r"\# a" and escaped("- a") == r"\- a"
    assert shortened(HOSTILE, 20) == HOSTILE[:19] + "…" and "&lt;img" in for_hover(HOSTILE)


VISITS: dict[str, list[dict[str, str]]] = {
    "reconstruct": [{"solution": "@solution"}, {"job": "@failed"}, {"job": "@running"}],
    "paths": [{"job": "@paths"}, {"job": "@failed paths"}, {"record": HOSTILE},
              {"a": HOSTILE, "b": "@solution"}],
    "landscape": [{"job": "@landscape"}, {"radius": "@radius"}, {"radius": HOSTILE},
                  {"paths": "@paths"}],
    "inside": [{"job": "@inside"}, {"solution": HOSTILE}],
    "sets": [{"set": "@set"}],
    "distances": [{"set": "@set"}, {"set": "@set", "vector": "both"}],
    "maps": [{"set": "@set"}, {"set": "@set", "colour": "output text"}],
    "library": [{"room": room} for room in ("Runs", "Sets", "Jobs", "Trash")],
}  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_no_page_reads_words_of_others_as_markup(page: str, links: dict[str, str]) -> None:
    seen = 0
    for query in (
        {},
        {"job": HOSTILE},
        {"run": HOSTILE, "solution": HOSTILE},
        *VISITS.get(page, []),
    ):
        named = {key: links.get(value[1:], value) for key, value in query.items()}
        app = open_page(page, **named)
        assert not app.exception, (query, app.exception)
        assert not markup_in(app), query
        seen += sum("evil" in words for _, proto in _elements(app) for _, words in _strings(proto))
    assert seen or page == "glossary"  # the hostile words are there, and were looked at


@pytest.mark.parametrize(
    ("room", "rows"), [("Solutions", 1), ("Solutions", 2), ("Runs", 1), ("Sets", 1), ("Jobs", 1)]
)
def test_the_library_shows_a_hostile_entry_as_it_is(
    room: str, rows: int, links: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def select(kind: str, items: list[Item]) -> list[Item]:
        return [item for item in items if not item.problem and not item.ships][:rows]

    monkeypatch.setattr(table, "show", select)
    app = open_page("library", room=room)
    assert not app.exception and not markup_in(app)


def test_a_map_with_chosen_solutions_shows_them_as_they_are(links: dict[str, str]) -> None:
    app = open_page("maps", set=links["set"])
    (named,) = [field for field in app.multiselect if str(field.key).startswith("named-")]
    assert all("&lt;" not in option for option in named.options)  # a list reads no HTML
    two = [s.record.id for s in sets.read(sets.find(links["set"])).solutions[:2]]
    named.set_value(two).run()
    assert not app.exception and not markup_in(app)
