"""One file for each view.

In: a link. Out: what is drawn, by calls of widgets. Must not know: torch, how anything is computed.

Many modules: every view that has an address of its own is one, and short.
"""
