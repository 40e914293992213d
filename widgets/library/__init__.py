"""Parts of the Library page: what is shown of all that is stored, and what can be done to it."""
