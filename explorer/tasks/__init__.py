"""The work itself: everything that trains or measures with a model, step by step.

In: a spec and the models of one device. Out: stored results, and progress after every step; each
is a `Task` (`explorer.tasks.task`), which also says when a checkpoint is due. Must not know: who
asked, queues, pages.
"""
