"""One page of the site: words of others stay words, and nothing is loaded from elsewhere."""

import json
import re
from html.parser import HTMLParser

import pandas as pd
import plotly.graph_objects as go

from explorer import __version__
from explorer.figures import Chart
from explorer.site.page import MOST_ROWS, Heading, Page, Part, Strip, Table, Target, html_of

EVIL = "</script><script>alert(1)</script><img src=http://evil/x onerror=alert(1)>"


class Read(HTMLParser):
    """Every element with its attributes, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script" and data.strip():
            self.scripts.append(data)


def page(*parts: Part) -> Page:
    return Page("one", "Group", EVIL, EVIL, parts)


def everything() -> Page:
    table = pd.DataFrame({EVIL: [EVIL]})
    figure = go.Figure(go.Scatter(x=[1], y=[2], name=EVIL))
    data = {"steps": [0], "pieces": {"1": EVIL}}
    return page(EVIL, Heading(EVIL), Target(EVIL), Strip(EVIL, data), Table(EVIL, table),
                Chart("key", figure, EVIL, table))  # fmt: skip


def test_words_of_others_end_no_element_and_begin_none() -> None:
    read = Read(html_of(everything(), [everything()]))
    assert [tag for tag, _ in read.elements if tag == "img"] == []
    assert [a.get("src") for tag, a in read.elements if tag == "script" and "src" in a] == [
        "plotly.min.js",
        "data.js",
        "strip.js",
        "site.js",
    ]
    strip, chart = (json.loads(text) for text in read.scripts)
    assert strip["pieces"]["1"] == chart["data"][0]["name"] == EVIL


def test_nothing_is_asked_of_another_place() -> None:
    read = Read(html_of(everything(), [everything(), Page("two", "", "b", "b", ())]))
    asked = [value for _, a in read.elements for key in ("src", "href") if (value := a.get(key))]
    assert "two.html" in asked
    assert [
        name for name in asked if not re.fullmatch(r"[\w-]+\.(min\.js|js|css|svg|html|csv)", name)
    ] == []


def test_a_page_names_the_version_that_made_it() -> None:
    made_by = {"name": "generator", "content": f"Proto-Token Explorer {__version__}"}
    assert ("meta", made_by) in Read(html_of(everything(), [])).elements


def test_a_translation_leaves_target_tokens_alone() -> None:
    kept = {
        a.get("class") or tag
        for tag, a in Read(html_of(everything(), [])).elements
        if a.get("translate") == "no"
    }
    assert kept == {"blockquote", "strip", "plot", "table"}


def test_a_long_table_is_a_file_alone() -> None:
    short, long = (pd.DataFrame({"n": range(rows)}) for rows in (MOST_ROWS, MOST_ROWS + 1))
    made = page(Table("short", short), Table("long", long))
    assert html_of(made, []).count("<table") == 1
    assert {name: len(table) for name, table in made.tables.items()} == {
        "one-0.csv": MOST_ROWS,
        "one-1.csv": MOST_ROWS + 1,
    }
