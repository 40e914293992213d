"""One file for each view."""
