"""Measuring planes and radii around solutions."""
