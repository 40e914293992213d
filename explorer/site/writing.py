"""Writes the site: pages, and once for all of them what they load."""

from importlib.resources import files
from pathlib import Path

import plotly.io as pio
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from explorer.base import folders
from explorer.base.errors import BadInputError, disk_errors
from explorer.base.files import csv_of, write_atomically
from explorer.figures import palette
from explorer.site.contents import pages
from explorer.site.page import html_of

THEMES = {"light": "plotly_white", "dark": "plotly_dark"}
COLOURS = """
:root {{ color-scheme: light dark; --right: {right}; --wrong: {wrong}; --st-primary-color: #0b6fa8; --st-background-color: #ffffff; --st-text-color: #10151a; }}
@media (prefers-color-scheme: dark) {{ :root {{ --st-primary-color: #4fb3ea; --st-background-color: #12161b; --st-text-color: #eceff3; }} }}
"""  # noqa: E501 (as the app: .streamlit/config.toml)


def write(folder: Path) -> list[Path]:
    """Write all pages and what they load into a folder; return the pages' files, the first first.

    Raises:
        BadInputError: if the folder holds something else.
        StorageError: if the disk refuses.
    """
    require_ours(folder)
    made = pages()
    for name, content in shared().items():
        write_atomically(folder / name, content.encode())
    for page in made:
        for name, table in page.tables.items():
            write_atomically(folder / name, csv_of(table))
    return [
        write_atomically(folder / f"{page.name}.html", html_of(page, made).encode())
        for page in made
    ]


DATA = "const THEMES = "
"""How `data.js` of an export begins."""


def require_ours(folder: Path) -> None:
    """Make sure that nothing of somebody else is written over.

    Raises:
        BadInputError: if the folder holds other files than an earlier export.
    """
    with disk_errors(f"{folder} cannot be used", "Name another folder.", BadInputError):
        there = list(folder.iterdir()) if folder.exists() else []
    data = folder / "data.js"
    with disk_errors(f"{data} cannot be read", "Name another folder.", BadInputError):
        ours = data.is_file() and data.read_bytes().startswith(DATA.encode())
    if there and not ours:
        raise BadInputError(f"The folder {folder} holds other files. Name a new or empty folder.")


def shared() -> dict[str, str]:
    """Return what every page loads, by file name: nothing else is ever asked for."""
    widgets, own = folders.app() / "widgets", files("explorer.site")
    colours = COLOURS.format(right=palette.RIGHT, wrong=palette.WRONG)
    style = own.joinpath("site.css").read_text("utf-8")
    themes = {name: pio.templates[theme].to_plotly_json() for name, theme in THEMES.items()}
    return {
        "plotly.min.js": get_plotlyjs(),
        "data.js": f"{DATA}{to_json_plotly(themes)};\n",
        "strip.js": (widgets / "strip.js").read_text("utf-8"),
        "site.js": own.joinpath("site.js").read_text("utf-8"),
        "icon.svg": (widgets / "icon.svg").read_text("utf-8"),
        "style.css": colours + (widgets / "token_strip.css").read_text("utf-8") + style,
    }
