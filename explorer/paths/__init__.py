"""Paths between two solutions of one text: straight lines and trained curves (checklist E8, H6).

In: pairs of solutions. Out: curves as functions of t, and the file that holds their profiles.
Must not know: how a curve is trained (`explorer.tasks.paths`). Free of torch.
"""
