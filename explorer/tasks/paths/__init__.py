"""Connecting pairs of solutions: the bends of many curves, trained side by side (E8, H6)."""
