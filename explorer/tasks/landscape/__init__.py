"""Measuring planes and radii around solutions.

In: a measured path or a solution, and the models of one device. Out: the files of planes and radii
(`explorer.landscape`). Must not know: how these are drawn, pages.
"""
