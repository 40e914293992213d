"""Texts inside Plotly, whose hover boxes and legends read a little HTML."""

import html

AT_LEAST = "≥"
"""Marks a lower bound."""


def plain(text: str, most: int = 90) -> str:
    """Return a text as it may stand in a hover box: escaped, on one line, cut."""
    line = " ".join(text.split())
    return html.escape(line if len(line) <= most else f"{line[: most - 1]}…", quote=False)
