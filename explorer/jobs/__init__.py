"""Queue and worker: work outlives the page that asked for it."""
