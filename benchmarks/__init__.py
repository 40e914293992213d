"""Measurements, each printing ratios taken in one run: these machines are noisy."""

from explorer.runtime import process

process.prepare()  # before a module of this package loads torch
