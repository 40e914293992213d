"""The same calls as the pages make, without a browser."""
