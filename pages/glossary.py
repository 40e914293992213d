"""Every word of the field that the pages use, in one sentence each; it prints well."""

from explorer.base.language import tr
from widgets import start, words

start.page(tr("Glossary"))
words.glossary()
