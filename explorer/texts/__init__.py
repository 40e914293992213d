"""Where texts come from, and how a text becomes a target (D1-D4 of the checklist).

A spec names one draw completely; `draw` gives the same passage for the same spec, today, in
another process and on another machine, as long as the files it names hold the same texts.
Nothing here imports torch.
"""
