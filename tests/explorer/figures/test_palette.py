import re

import pytest

from explorer.figures import palette
from explorer.specs.arrangements import KEYS

COLOURS = {
    name: value
    for name, value in vars(palette).items()
    if name.isupper() and isinstance(value, str)
}


def _luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb (WCAG 2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_meaning_has_a_colour() -> None:
    assert {"RIGHT", "WRONG", "STRAIGHT", "BEZIER", "SAME_TEXT", "SAME_CONTEXT"} <= set(COLOURS)
    assert palette.RIGHT != palette.WRONG and palette.STRAIGHT != palette.BEZIER
    assert len({palette.SAME_TEXT, palette.SAME_CONTEXT, palette.DIFFERENT}) == 3


@pytest.mark.parametrize("colour", sorted({*COLOURS.values(), *palette.RESTARTS}))
def test_a_colour_can_be_seen_on_light_and_on_dark(colour: str) -> None:
    assert re.fullmatch(r"#[0-9a-f]{6}", colour)
    light, dark, own = 1.0, _luminance("#0e1117"), _luminance(colour)
    assert (light + 0.05) / (own + 0.05) > 2.2
    assert (own + 0.05) / (dark + 0.05) > 2.2


def test_restarts_differ_in_more_than_colour() -> None:
    looks = [
        (palette.RESTARTS[k % len(palette.RESTARTS)], palette.DASHES[k % len(palette.DASHES)])
        for k in range(16)
    ]
    assert len(set(looks)) == 16
    assert len(set(palette.RESTARTS)) == len(palette.RESTARTS)
    assert len(set(palette.DASHES)) == len(palette.DASHES)


def test_every_arrangement_has_a_look_of_its_own() -> None:
    looks = list(zip(palette.RESTARTS, palette.DASHES, palette.SYMBOLS, strict=False))
    assert len(looks) >= len(KEYS)


def test_the_scale_goes_from_wrong_to_right() -> None:
    stops = [stop for stop, _ in palette.WRONG_TO_RIGHT]
    assert stops[0] == 0 and stops[-1] == 1 and stops == sorted(stops)
    assert palette.WRONG_TO_RIGHT[0][1] == palette.WRONG
    assert palette.WRONG_TO_RIGHT[-1][1] == palette.RIGHT
