"""Where texts come from, and how a text becomes a target (D1-D4 of the checklist).

In: a spec, which names one draw completely. Out: passages and the token ids of a target; `draw`
gives the same passage for the same spec, today, in another process and on another machine, as long
as the files it names hold the same texts. Must not know: how a target is trained, what a model
makes of it. Free of torch.
"""
