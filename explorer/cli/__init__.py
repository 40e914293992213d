"""The command line: the same calls as the pages make, without a browser.

In: arguments. Out: lines, a progress bar, the same files as a page's job. Must not know: Streamlit.

Many modules: one for each command or family of commands, and what they share: flags, devices,
recipes, progress, results.
"""
