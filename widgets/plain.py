"""Words of a person or a model inside a label, which Streamlit would read as Markdown."""

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])")


def plain(text: str) -> str:
    """Return Markdown that shows exactly `text`, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
