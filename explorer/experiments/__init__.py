"""The paper's experiments: what each asks, its grid of cells, and what its numbers add up to.

One module each, free of torch. How a cell is measured is in `explorer.experiments.running`, how
its numbers are drawn in `explorer.figures.experiments`.
"""
