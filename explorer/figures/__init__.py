"""Results to Plotly figures. Nothing here computes on a model or imports torch."""

from explorer.figures.chart import Chart

__all__ = ["Chart"]
