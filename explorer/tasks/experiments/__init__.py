"""How cells of experiments are measured: with torch, in the worker or a shell.

In: settings, a cell and the models of one device. Out: rows of a table and solutions, kept in the
run's folder. Must not know: what the rows add up to (`explorer.experiments`), pages.

`task` is a run from beginning to end, `bench` what all measure with; else one module for each
experiment.
"""
