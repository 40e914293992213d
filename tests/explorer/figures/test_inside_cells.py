"""What stands in the cells of the lens, and that the chart says what its marks are."""

import pytest

from explorer.figures.inside_names import BLANK, CELLS, CUT, in_cell


@pytest.mark.parametrize(
    ("piece", "said"),
    [
        (" even", "even"),
        (" ", BLANK),
        ("     ", BLANK),
        ("", BLANK),
        ("#" * 16, "####" + CUT),
        ("exact", "exact"),
        ("captain", "capt" + CUT),
        ("\n", "↵"),
        (" <b>", "&lt;b&gt;"),
    ],
)
def test_a_cell_says_that_it_is_cut_or_blank(piece: str, said: str) -> None:
    assert in_cell(piece) == said


def test_the_marks_are_explained_beside_the_chart() -> None:
    assert all(mark in CELLS for mark in (BLANK, CUT, in_cell("#" * 16)))
