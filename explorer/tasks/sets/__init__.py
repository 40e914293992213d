"""Making a solution set: contexts, continuations, and a batch that is kept full (D4, E6)."""
