"""Parts of long work, carried out on the nodes of a Ray cluster and gathered here.

In: a division of a task into parts, and a cluster. Out: what the same task makes on one machine.
Must not know: pages, the command line.

The driver (`spreading`) hands parts out and keeps what comes back; a node (`node`) loads the model
and carries parts out; `runs`, `sets`, `curves` and `planes` are divisions. Only here is Ray
imported, and only once somebody asks for it (`joining`).
"""
