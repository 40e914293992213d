"""Solution sets: many solutions of one model and length, by context, text and restart (E6)."""
