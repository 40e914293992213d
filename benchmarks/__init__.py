"""Measurements, each printing ratios taken in one run: these machines are noisy."""
