"""Looking inside the forward pass of a solution."""
