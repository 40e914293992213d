"""Texts inside figures, and inside lists that read no markup at all."""

import html

from explorer.base.language import later

AT_LEAST = "≥"
"""Marks a lower bound."""


def shortened(text: str, most: int = 90) -> str:
    """Return a text on one line, cut: as an option of a list, which shows it as it is."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def for_plotly(text: str) -> str:
    """Return a text for a label or a hover box of Plotly, which read a little HTML."""
    return html.escape(text, quote=False)


def for_hover(text: str, most: int = 90) -> str:
    """Return a text for Plotly on one line, cut."""
    return for_plotly(shortened(text, most))


NAMES = (
    later("solution"),
    later("solutions"),
    later("attempt"),
    later("attempts"),
    later("where e stands (mean)"),
    later("where m stands (mean)"),
    later("at the last position"),
    later("text labels of solutions, within each context"),
    later("context labels of texts"),  # in reports of before
    later("context labels of texts, among those with as many solutions"),
    later("text and context labels of solutions"),
)
"""What results call their points, places and permuted labels, marked here for translation."""

HEADINGS = (
    later("seed"),
    later("step"),
    later("position"),
    later("correct"),
    later("rank"),
    later("target"),
    later("layer"),
    later("kind"),
    later("from"),
    later("to"),
    later("pairs"),
    later("density"),
    later("regime"),
    later("share correct"),
    later("lowest, line"),
    later("mean, line"),
    later("lowest, curve"),
    later("mean, curve"),
    later("length ratio"),
    later("connected from step"),
    later("pair"),
    later("ends"),
    later("connected"),
    later("minimum"),
    later("mean"),
    later("distance"),
    later("which"),
    later("place"),
    later("near"),
    later("far"),
    later("low"),
    later("high"),
    later("says"),
    later("right"),
    later("what"),
    later("least"),
    later("most"),
    later("head"),
    later("value"),
    later("vector"),
    later("arrangement"),
    later("id"),
    later("texts"),
    later("exact"),
    later("bound"),
    later("difference"),
    later("shared"),
    later("best"),
    later("restarts"),
    later("groups"),
    later("held"),
    later("restarts needed"),
    later("paper mean"),
    later("scheme"),
    later("gap"),
    later("ended"),
    later("failed"),
    later("at end"),
    later("open"),
    later("layout"),
    later("autoregressive"),
    later("one forward"),
    later("ratio"),
    later("model"),
    later("whose"),
    later("at least"),
    later("checkpoint"),
    later("fingerprint"),
    later("n"),
    later("not exact"),
    later("repeats"),
    later("fed"),
    later("compared with"),
    later("contexts"),
    later("start"),
    later("reading"),
    later("paper"),
    later("nats per token"),
    later("text a"),
    later("text b"),
    later("context a"),
    later("context b"),
    later("p reverse"),
    later("smallest p"),
    later("shuffled"),
    later("median same text"),
    later("median same context"),
    later("median different contexts"),
    later("chord"),
    later("share right"),
    later("similarity"),
    later("similarity least"),
    later("similarity greatest"),
    later("attention to before e"),
    later("attention to before e sd"),
    later("attention to e"),
    later("attention to e sd"),
    later("attention to earlier m"),
    later("attention to earlier m sd"),
    later("attention to itself"),
    later("attention to itself sd"),
    later("plain text to first position"),
    later("to before e"),
    later("reads"),
    later("context's text"),
    later("first half (trained)"),
    later("one forward seconds"),
    later("autoregressive seconds"),
    later("one forward tokens per second"),
    later("autoregressive tokens per second"),
    later("autoregressive ended"),
    later("one forward ended"),
    later("autoregressive at end"),
    later("one forward at end"),
    later("why"),
    later("slope"),
    later("of"),
)
"""Columns of tables, marked in the same way; `widgets.words.column` says them."""
