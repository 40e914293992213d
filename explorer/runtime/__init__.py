"""The machine a process runs on: its memory and cores, threads, allocator, log, and speed.

In: the limits of the container, the environment, a request to stop. Out: how much memory and how
many cores may be used, where a long computation can be left, how long a training step takes here.
Must not know: what is computed. Free of torch.
"""
