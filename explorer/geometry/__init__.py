"""Where solutions lie: distances, their statistics, and maps.

In: vectors of a set and its texts. Out: pairs, effect sizes, intervals and coordinates. Must not
know: how a model computes, or how a chart is drawn.
"""
