"""Results to Plotly figures.

In: recordings, profiles, distances, runs. Out: charts and HTML strips, in both themes. Must not
know: how results are made, pages. Nothing here computes on a model or imports torch.

Many modules: one for each kind of result, and what they share: colors, words, lines on what to look
at, files.
"""

from explorer.figures.chart import Chart

__all__ = ["Chart"]
