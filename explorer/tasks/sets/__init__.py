"""Making a solution set: contexts, continuations, and a batch that is kept full (D4, E6).

`building` is the loop, `batches` how many rows train side by side, `record` what is on the disk.
"""
