"""What lies around solutions: the plane of a path, and random directions from one solution."""
