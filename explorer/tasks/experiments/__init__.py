"""How cells of experiments are measured: with torch, in the worker or a shell."""
