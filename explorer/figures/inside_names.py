"""What stands beside and in the charts of a look inside: tokens, layers, positions, changes."""

from explorer.base.language import later, tr
from explorer.figures.words import for_plotly
from explorer.inside.header import What
from explorer.inside.result import Inside

CUTS: dict[What, str] = {
    "one": later("at this layer alone"),
    "until": later("up to this layer"),
    "from": later("from this layer on"),
}
MOVED: dict[What, str] = {"e": later("e alone"), "m": later("m alone"), "both": later("both")}
SOURCE_NAMES = {
    "before e": later("to what stands before e"),
    "e": later("to e"),
    "earlier m": later("to earlier m"),
    "itself": later("to itself"),
}


def shown(piece: str) -> str:
    """Return a token as a label of Plotly shows it, its blanks and line ends visible."""
    return for_plotly(piece.replace("\n", "↵").replace("\t", "⇥")) or "∅"


CELL, BLANK, CUT = 5, "·", "…"
"""Characters that a cell of the lens has room for, and its marks."""
CELLS = later(
    "Each cell is the token that would come out there: · is a space, and … cuts a long token such "
    "as ####…. In early layers it is hardly more than a guess."
)


def in_cell(piece: str) -> str:
    """Return a token as a cell of the lens shows it: without the blanks around it, and cut."""
    said = piece.strip(" ") or BLANK
    return shown(said if len(said) <= CELL else said[: CELL - 1] + CUT)


def labels(found: Inside) -> list[str]:
    """Return what each target token says, N of them."""
    return [shown(found.header.pieces.get(i, "�")) for i in found.header.text.target_ids]


def layer_names(found: Inside) -> list[str]:
    """Return what the S states are called."""
    return [tr("input"), *(str(k) for k in range(1, found.header.layers + 1))]


def position_names(found: Inside) -> list[str]:
    """Return what each input position holds, with the token that is read there."""
    header, said = found.header, labels(found)
    names = []
    for place, role in enumerate(header.roles):
        at, name = place - header.first, tr(role)
        names.append(f"{name} → {said[at]}" if 0 <= at < len(said) else name)
    return names
