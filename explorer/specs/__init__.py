"""What can be asked for: recipes, arrangements, texts, curves, experiments and jobs as values.

In: what a person chose. Out: one frozen, validated value for each kind, or a sentence that says
what is wrong. Must not know: how any of it is carried out.
"""
