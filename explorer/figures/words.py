"""Texts inside figures, and inside lists that read no markup at all."""

import html

from explorer.base.formatting import shortened

AT_LEAST = "≥"
"""Marks a lower bound."""


def for_plotly(text: str) -> str:
    """Return a text for a label or a hover box of Plotly, which read a little HTML."""
    return html.escape(text, quote=False)


def for_hover(text: str, most: int = 90) -> str:
    """Return a text for Plotly on one line, cut."""
    return for_plotly(shortened(text, most))
