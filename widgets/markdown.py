"""Words of a person, a model, a file or a link inside what Streamlit reads as Markdown."""

import re

_SPECIAL = re.compile(r"[\\`*\[\]<>$~|&]|(?<![^\W_])_|_(?![^\W_])|:(?=\S)|^[#+=-]")
_NUMBERED = re.compile(r"^(\d{1,9})([.)])")
_JOINED = re.compile(r"(?<=:)(?=//|[\w+/-]+:)|(?<=www)(?=\.)|(?<=\w)(?=@)", re.IGNORECASE)
_WORD_JOINER = "\N{WORD JOINER}"


def escaped(text: str) -> str:
    """Return Markdown that shows exactly `text`, on one line.

    No image, link, formula, colour, icon or HTML comes of it. A backslash does not keep Streamlit
    from turning addresses into links and `:name:` into icons, for it looks for them after it has
    read the Markdown; an invisible character that joins words does.
    """
    line = _JOINED.sub(_WORD_JOINER, " ".join(text.split()))
    return _NUMBERED.sub(r"\1\\\2", _SPECIAL.sub(r"\\\g<0>", line))
