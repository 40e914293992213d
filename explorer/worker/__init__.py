"""The worker: a process that takes jobs from the queue and carries them out, turn by turn.

In: jobs and small questions. Out: progress, results in the job's folder, answers. Must not know:
pages, or who asked.
"""
