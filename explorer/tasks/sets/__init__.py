"""Making a solution set: contexts, continuations, and a batch that is kept full (D4, E6).

In: the spec of a set and the models of one device. Out: solutions and the set's record, kept as
they are found. Must not know: how far apart they are, pages.

`building` is the loop, `batches` how many rows train side by side, `record` what is on the disk.
"""
