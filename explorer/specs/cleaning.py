"""From what a person types, pastes or uploads to a plain string."""

import codecs

from explorer.base.errors import BadInputError
from explorer.base.language import tr

MAX_CONTROL_SHARE = 0.1
"""Share of control characters above which a file is taken for something binary."""

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CONTROL_CHARACTERS = [chr(code) for code in range(32) if not chr(code).isspace()]


def clean(text: str) -> str:
    r"""Return `text` with `\n` as its only newline, without NUL and without lone surrogates.

    Two surrogates that make a character become that character. Everything else stays as it is:
    emoji, right-to-left script, HTML, spaces. Cleaning twice changes nothing more.
    """
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return whole.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def decode(name: str, data: bytes) -> str:
    """Return the cleaned text in `data`: UTF-8, or UTF-16 with a byte-order mark.

    Args:
        name: what the data is called, for the message.
        data: the bytes of a file or of a line.

    Raises:
        BadInputError: if it is not text.
    """
    marks = (mark for mark in _BYTE_ORDER_MARKS if data.startswith(mark))
    encoding = _BYTE_ORDER_MARKS.get(next(marks, b""), "utf-8")
    refusal = BadInputError(
        tr(
            "{name} is not text in UTF-8, or in UTF-16 with a byte-order mark. Save it as plain "
            "text in UTF-8 and try again.",
            name=name,
        )
    )
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise refusal from error
    control = sum(text.count(character) for character in _CONTROL_CHARACTERS)
    if control > MAX_CONTROL_SHARE * len(text):
        raise refusal
    return clean(text)
