"""Looking inside the forward pass: of one solution, and of all solutions of a set.

In: a solution or a set, and the models of one device. Out: the file of a look inside; reports of
distances by layer, and of what e and m carry. Must not know: how these are drawn, pages.
"""
