"""The numbers of experiments as charts, one module each."""
