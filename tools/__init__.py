"""What helps to build the project; nothing here runs in the app."""

from explorer.runtime import process

process.prepare()  # before a module of this package loads torch
