"""QR codes, drawn on the server: a class joins by pointing phones at the projector."""

import io

import segno
from segno.encoder import DataOverflowError

MOST_MODULES = 101
"""Squares along a side beyond which phones do not read a code from the back of a room."""


def svg(address: str) -> str | None:
    """Return a QR code as SVG that grows with its place, black on white in any theme.

    Returns:
        None if the address is too long for a code that phones can read.
    """
    try:
        code = segno.make(address, error="l", micro=False)
    except DataOverflowError:
        return None
    if code.symbol_size(border=0)[0] > MOST_MODULES:
        return None
    drawn = io.BytesIO()
    code.save(drawn, kind="svg", border=4, omitsize=True, light="white", xmldecl=False, nl=False)
    return drawn.getvalue().decode()
