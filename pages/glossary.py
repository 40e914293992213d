"""Every word of the field that the pages use, in one sentence each; it prints well."""

import streamlit as st

from explorer.base.language import tr
from widgets import start, words

start.through_entry()
st.title(tr("Glossary"), anchor=False)
words.glossary()
