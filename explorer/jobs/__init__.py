"""The queue: work outlives the page that asked for it.

In: specs from pages and the command line. Out: rows of the catalogue with states, progress and one
owner each. Must not know: how a job is carried out (`explorer.worker`). Free of torch.
"""
