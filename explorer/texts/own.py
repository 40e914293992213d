"""One's own text: typed, pasted or uploaded."""

from explorer.base.errors import BadInputError
from explorer.base.formatting import human_bytes
from explorer.base.language import tr
from explorer.specs.cleaning import decode
from explorer.specs.texts import OwnSpec
from explorer.texts.passages import Passage

MAX_UPLOAD_BYTES = 10_000_000
"""Largest file that is taken as a text of one's own."""


def passage(spec: OwnSpec) -> Passage:
    """Return the text that the spec itself holds."""
    return Passage(spec.text, spec.title, spec)


def from_upload(name: str, data: bytes) -> Passage:
    """Return the text of an uploaded file: UTF-8, or UTF-16 with a byte-order mark.

    Args:
        name: the file's name, which becomes the title.
        data: its bytes.

    Raises:
        BadInputError: if it is empty, too large, or not text.
    """
    if len(data) > MAX_UPLOAD_BYTES:
        raise BadInputError(
            tr(
                "{name} has {size} and a text may have {most}. Upload the part that you want to "
                "use.",
                name=name,
                size=human_bytes(len(data)),
                most=human_bytes(MAX_UPLOAD_BYTES),
            )
        )
    text = decode(name, data)
    if not text.strip():
        raise BadInputError(tr("{name} is empty. Upload a file with some text in it.", name=name))
    return passage(OwnSpec(text=text, title=name))
