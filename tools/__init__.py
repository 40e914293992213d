"""What helps to build the project; nothing here runs in the app."""
