"""How long something will take, said before it starts and while it goes on.

In: a spec, the steps that such texts took, the time of a step here. Out: seconds, from the usual
to the longest. Must not know: how the work is done. Free of torch.
A text or paths: `outlook`; a set: `set_time`; an experiment: `run_time`.
"""
