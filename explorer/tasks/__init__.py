"""The work itself: everything that trains or measures with a model, step by step.

In: a spec and the models of one device. Out: stored results, and progress after every step; each
task stops, resumes and checkpoints as `protocol` says. Must not know: who asked, queues, pages. All
that needs torch beyond `model` and `training` is here.
"""
