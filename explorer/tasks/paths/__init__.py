"""Connecting pairs of solutions: the bends of many curves, trained side by side (E8, H6).

In: pairs of solutions and a recipe of curves. Out: curves, their profiles, and the file of both.
Must not know: what a finding makes of them, pages.

`connecting` is the task, or one of its batches; `bends` trains the Bezier curves of one, and
`finishing` makes right what training leaves wrong.
"""
