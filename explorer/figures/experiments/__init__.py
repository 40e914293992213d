"""The numbers of experiments as charts, one module each; a run is drawn by its experiment's.

In: runs. Out: charts, the main one first. Must not know: how a cell is measured, pages.
"""

from explorer.experiments.definition import module_of
from explorer.experiments.runs import Run
from explorer.figures.chart import Chart


def charts(run: Run) -> list[Chart]:
    """Return the charts of a run, the main one first; none before its first cell is done."""
    if not run.done:
        return []
    drawn: list[Chart] = module_of(__name__, run.settings.experiment).charts(run)
    return drawn
