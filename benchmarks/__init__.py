"""Measurements, each printing ratios taken in one run: these machines are noisy.

Many modules: one for each question that the notebook (`README.md`) answers, and what they share:
texts, a reference to hold the engine against, people who visit a running app.
"""

from explorer.runtime import process

process.prepare()  # before a module of this package loads torch
