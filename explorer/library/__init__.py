"""Everything that is kept, as one collection: list, name, compare, delete, export, import.

In: stored results of every kind. Out: items, zip files, the trash. Must not know: how results are
made.
"""
