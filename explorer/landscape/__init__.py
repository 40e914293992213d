"""What lies around solutions: the plane of a path, and random directions from one solution.

In: solutions and a control point. Out: axes, grids, and the files of measured planes and radii.
Must not know: how a point is measured (`explorer.tasks.landscape`). Free of torch.
"""
