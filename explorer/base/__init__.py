"""What every other package may use and what uses none of them: errors, files, folders, words.

In: nothing. Out: error classes with sentences, atomic writes, checked tensor files, where things
lie, the catalogue's tables, provenance, plain formatting. Must not know: models, texts, training,
or that there is a page.
"""
