"""Inside the one pass: what hidden states say layer by layer, what attends to what, what is needed.

In: a solution. Out: the file of what was measured inside its forward pass, and what that adds up
to. Must not know: how a pass is run (`explorer.model.inside`, `explorer.tasks.inside`), or how its
numbers are drawn. Free of torch.
"""
