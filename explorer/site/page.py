"""A page of the site: what it consists of, and its HTML. Words of others are escaped here."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd
from plotly.io.json import to_json_plotly

from explorer.base.formatting import counted
from explorer.base.provenance import PROGRAM
from explorer.figures import Chart

MOST_ROWS = 40
"""Rows of a table that is shown; a longer one is a file."""


@dataclass(frozen=True)
class Heading:
    """A heading of the second level."""

    text: str


@dataclass(frozen=True)
class Target:
    """Text of a target, or of a model: a browser's translation leaves it alone."""

    text: str


@dataclass(frozen=True)
class Strip:
    """A token strip (`explorer.figures.strip`), which plays if it has several frames."""

    label: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table under its title."""

    title: str
    table: pd.DataFrame


Part = str | Heading | Target | Strip | Table | Chart
"""Something on a page; a `str` is a paragraph."""


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        name: of its file, without ending.
        group: under which the navigation lists it.
        short: what the navigation calls it.
        title: its heading.
        parts: what is on it, from top to bottom.
    """

    name: str
    group: str
    short: str
    title: str
    parts: Sequence[Part]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table on the page, and the numbers of every chart, by the name of its CSV file."""
        made: dict[str, pd.DataFrame] = {}
        for number, part in enumerate(self.parts):
            if isinstance(part, Table | Chart):
                made[f"{self.name}-{number}.csv"] = part.table
        return made


def html_of(page: Page, pages: Sequence[Page]) -> str:
    """Return the file of a page, with links to all of `pages`; what it loads lies beside it."""
    body = "\n".join(_part(part, f"{page.name}-{k}.csv") for k, part in enumerate(page.parts))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="{PROGRAM}">
<title>{escape(page.title)} · Proto-Token Explorer</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="style.css">
<script src="plotly.min.js" defer></script>
<script src="data.js" defer></script>
<script src="strip.js" defer></script>
<script src="site.js" defer></script>
</head>
<body>
<nav aria-label="Pages">{_links(page, pages)}</nav>
<main>
<h1>{escape(page.title)}</h1>
{body}
</main>
</body>
</html>
"""


def _links(here: Page, pages: Sequence[Page]) -> str:
    groups: dict[str, list[str]] = {}
    for page in pages:
        current = ' aria-current="page"' if page.name == here.name else ""
        link = f'<a href="{page.name}.html"{current}>{escape(page.short)}</a>'
        groups.setdefault(page.group, []).append(link)
    return "".join(
        f"<div>{f'<span>{escape(group)}</span>' if group else ''}{''.join(links)}</div>"
        for group, links in groups.items()
    )


def _part(part: Part, numbers: str) -> str:
    match part:
        case Heading(text):
            return f"<h2>{escape(text)}</h2>"
        case Target(text):
            return f'<blockquote translate="no" dir="auto">{escape(text)}</blockquote>'
        case Strip(label, data):
            role = f'role="group" aria-label="{escape(label)}"'
            return f'<div class="strip" translate="no" {role}></div>{_json(data)}'
        case Table(title, table):
            shown = _shown(table) if len(table) <= MOST_ROWS else ""
            return f"<h3>{escape(title)}</h3>{shown}{_numbers(table, numbers)}"
        case Chart():
            figure = part.figure.to_plotly_json()
            drawn = {k: figure[k] for k in ("data", "layout", "frames") if k in figure}
            drawn["layout"] = {k: v for k, v in drawn["layout"].items() if k != "template"}
            height = drawn["layout"].get("height", 320)
            place = f'<div class="plot" translate="no" data-height="{height}"></div>{_json(drawn)}'
            title, shown = escape(part.title), ""
            if part.wide:
                how = f'class="wide" tabindex="0" role="region" aria-label="{title}"'
                place = f"<div {how}>{place}</div>"
            if len(part.table) <= MOST_ROWS:
                shown = f"<details><summary>Numbers</summary>{_shown(part.table)}</details>"
            return (
                f'<figure aria-label="{escape(part.alt)}"><figcaption>{title}</figcaption>{place}'
                f"{shown}{_numbers(part.table, numbers)}</figure>"
            )
    return f"<p>{escape(part)}</p>"


def _shown(table: pd.DataFrame) -> str:
    made: str = table.to_html(index=False, na_rep="", float_format="{:.4g}".format, border=0)
    how = 'class="table" translate="no" tabindex="0" role="region" aria-label="Table"'
    return f"<div {how}>{made}</div>"


def _numbers(table: pd.DataFrame, name: str) -> str:
    return f'<a class="csv" href="{name}" download>CSV, {counted(len(table), "row")}</a>'


def _json(value: Any) -> str:
    """Return a value for a script to read; no character of it can end the element."""
    text = to_json_plotly(value)
    return f'<script type="application/json">{text.replace("<", chr(92) + "u003c")}</script>'
