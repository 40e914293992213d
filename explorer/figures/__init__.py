"""Results to Plotly figures.

In: recordings, profiles, distances, runs. Out: charts and HTML strips, in both themes. Must not
know: how results are made, pages. Nothing here computes on a model or imports torch.
"""

from explorer.figures.chart import Chart

__all__ = ["Chart"]
