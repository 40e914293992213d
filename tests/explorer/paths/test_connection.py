"""How many pairs are connected, and how sure that is."""

import numpy as np
import pytest
from scipy.stats import binomtest

from explorer.paths import places
from explorer.paths.connection import connection, wilson
from explorer.paths.header import PathsHeader, SolutionInfo, TextInfo
from explorer.paths.result import Paths
from explorer.specs.curves import PathRecipe


def _paths(lowest: list[list[float]], points: int = 5) -> Paths:
    """Give paths of some texts, with the lowest accuracy of each of their pairs."""
    texts, pairs, solutions = [], [], []
    for k, of_text in enumerate(lowest):
        texts.append(TextInfo(text=str(k), target_ids=[1, 2]))
        first = len(solutions)
        pairs += [(first, first + 1 + i) for i in range(len(of_text))]
        solutions += [SolutionInfo(id=f"{k}-{i}", seed=i, text=k) for i in range(len(of_text) + 1)]
    header = PathsHeader(
        model="a/tiny", fingerprint="f" * 64, arrangement="e+mN", kind="bezier",
        recipe=PathRecipe(points=points), texts=texts, solutions=solutions, pairs=pairs,
    )  # fmt: skip
    vectors = np.random.default_rng(0).normal(size=(len(solutions), 6)).astype(np.float32)
    found = Paths.empty(header, vectors)
    found.line.accuracy[:], found.curve.accuracy[:], found.steps[:] = 0.5, 1, 10
    found.curve.accuracy[:, points // 2] = np.concatenate([np.array(each) for each in lowest])
    return found


def test_shares_are_counted_over_measured_pairs_and_sure_by_text() -> None:
    found = _paths([[1, 0.5, 1, 1], [1], [0.5]])
    said = connection(found)
    assert (said.texts, said.pairs, said.connected, said.lines) == (3, 6, 4, 0)
    assert (said.low, said.high) == pytest.approx(wilson((0.75 + 1 + 0) / 3, 3))
    found.steps[-1] = -1
    assert (connection(found).texts, connection(found).share) == (2, 0.8)


def test_points_that_fail_are_counted_by_where_they_lie() -> None:
    found = _paths([[0.5, 1, 1]], points=21)
    found.curve.accuracy[1, [1, 2, 3, 19]] = 0.5
    said = connection(found)
    assert (said.failing, said.beside_ends) == (5, 3)


def test_ratios_are_the_quartiles_of_curve_over_chord() -> None:
    found = _paths([[1] * 5])
    found.bends[0] += 3.0
    every = sorted(found.ratio(k) for k in range(5))
    assert connection(found).ratios == pytest.approx(every)
    assert every[0] == pytest.approx(1) and every[-1] > 1.5


@pytest.mark.parametrize(("hits", "draws"), [(0, 6), (5, 6), (6, 6), (40, 100)])
def test_the_interval_is_wilsons(hits: int, draws: int) -> None:
    usual = binomtest(hits, draws).proportion_ci(method="wilson")
    assert wilson(hits / draws, draws) == pytest.approx((usual.low, usual.high), abs=1e-4)


def test_files_of_before_counted_all_points_alike_and_finished_no_curve() -> None:
    assert PathRecipe().worst == 1 and PathRecipe().finish_steps > 0
    shipped = {file.parent.name: file for file in places.PATHS.shipped()}
    recipe = Paths.load(shipped["1-four-texts"]).header.recipe
    assert (recipe.worst, recipe.attempts, recipe.most_steps) == (0, 1, recipe.max_steps)
