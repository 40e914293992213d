"""The frozen model: from input embeddings to logits, and from logits back to the inputs.

In: a folder and a number format. Out: hidden states, losses, gradients by the inputs, generated
tokens, scores. Must not know: what is being trained, recipes, jobs.
"""
