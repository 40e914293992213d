"""One palette with fixed meaning (Okabe and Ito's, safe for colour-blind eyes, on light and dark).

Colour never speaks alone: wrong tokens are also dashed, restarts also differ in line style.
"""

RIGHT = "#0b84c6"
WRONG = "#d55e00"
STRAIGHT = "#8a8f98"
BEZIER = "#b5539c"
SAME_TEXT = "#0b84c6"
SAME_CONTEXT = "#d99000"
DIFFERENT = "#8a8f98"

RESTARTS = ("#0b84c6", "#d99000", "#12966f", "#b5539c", "#5aa9dd", "#d55e00", "#8a8f98", "#a68a00")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "9px,3px,3px,3px,3px,3px")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star")

WRONG_TO_RIGHT = [[0.0, WRONG], [0.5, "#9c9a97"], [1.0, RIGHT]]
"""Plotly scale of p(target) or accuracy from 0 to 1: wrong through grey to right."""
