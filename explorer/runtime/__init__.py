"""The machine a process runs on: its memory and cores, threads, allocator, log, and speed.

In: the limits of the container, the requests to stop. Out: how much may be used, when to leave a
long computation, how long a training step takes here. Must not know: what is computed. Free of
torch.
"""
