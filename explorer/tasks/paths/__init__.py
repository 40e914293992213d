"""Connecting pairs of solutions: the bends of many curves, trained side by side (E8, H6).

`connecting` is the task, or one of its batches; `bends` trains the Bezier curves of one, and
`finishing` makes right what training leaves wrong.
"""
