"""Many people at one server: who asks for what, what each may do, and what all of them see.

In: secrets that browsers keep, jobs, limits. Out: whose a job and its results are, refusals in a
sentence, how long the queue takes, the tiles of the class page, assignments as links. Must not
know: pages, cookies, how a job is carried out. Free of torch.
"""
