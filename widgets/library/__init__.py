"""Parts of the Library page: what is shown of all that is stored, and what can be done to it.

In: items of the library, clicks. Out: a table, a panel, files, changes of what is stored. Must not
know: how results are made, other pages.
"""
