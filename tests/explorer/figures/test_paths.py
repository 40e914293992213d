from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from explorer.figures import landscape as plane_charts
from explorer.figures import paths as charts
from explorer.figures.strip import point_data, walk_data
from explorer.landscape.plane import Plane, axes_around
from explorer.landscape.result import Landscape, LandscapeHeader
from explorer.landscape.surroundings import Surroundings, SurroundingsHeader
from explorer.paths.header import PathsHeader, SolutionInfo, TextInfo
from explorer.paths.result import HISTORY, Paths
from explorer.specs.curves import PathRecipe

T, N = 7, 3
TEXT = TextInfo(text="a <b>c</b>", target_ids=[4, 5, 6], groups=[(0, 1, "a"), (1, 3, "<b>c</b>")])
PIECES = {4: "a", 5: "<b>c", 6: "</b>", 9: "x"}


@pytest.fixture
def paths() -> Paths:
    """Three pairs of one text; the last has not been measured, the second is not connected."""
    draw = np.random.default_rng(0)
    header = PathsHeader(
        model="tiny",
        fingerprint="f" * 64,
        arrangement="e+mN",
        kind="bezier",
        recipe=PathRecipe(points=T),
        texts=[TEXT],
        solutions=[SolutionInfo(id=f"s{k}", seed=k, text=0) for k in range(3)],
        pairs=[(0, 1), (0, 2), (1, 2)],
        pieces=PIECES,
    )
    found = Paths.empty(header, draw.normal(size=(3, 8)).astype(np.float32))
    found.steps[:] = (40, 50, -1)
    found.bends[:2] += 0.5
    for profile, middle in ((found.line, 0.0), (found.curve, 1.0)):
        profile.accuracy[:2] = 1
        profile.accuracy[:2, 2:5] = middle
        profile.loss[:2] = draw.uniform(0.1, 3, size=(2, T))
        profile.predicted[:2] = [4, 5, 6]
        profile.predicted[:2, 2:5, 0] = 9 if middle == 0 else 4
        profile.p[:2] = draw.uniform(size=(2, T, N))
    found.curve.accuracy[1, 3] = 1 / 3
    rows = [(0, 0, 0.0, 0.5, 2.0), (0, 20, 1.0, 1.0, 0.2), (0, 40, 1.0, 1.0, 0.1)]
    return replace(found, history=np.array([*rows, (1, 50, 1 / 3, 0.9, 1.0)], dtype=HISTORY))


@pytest.fixture
def plane(paths: Paths) -> Landscape:
    """A plane of level 4 whose 9 x 9 grid is complete."""
    points = paths.points(0)
    flat = Plane.through(points[0], points[2], points[1])
    marks = flat.coordinates(points)
    x, y = axes_around(marks[[0, 2, 1]], 4)
    n = len(x)
    accuracy = np.full((n, n), np.nan, np.float32)
    accuracy[::2, ::2] = np.random.default_rng(1).uniform(size=(9, 9))
    accuracy[0, 0] = 1
    header = LandscapeHeader(
        model="tiny",
        fingerprint="f" * 64,
        arrangement="e+mN",
        kind="bezier",
        text=TEXT,
        ends=(paths.header.solutions[0], paths.header.solutions[1]),
        level=4,
        reached=3,
        pieces=PIECES,
    )
    predicted = np.tile(np.array([4, 5, 9], np.int32), (n, n, 1))
    return Landscape(
        header, points, marks, flat.origin, flat.along, flat.across, x, y, accuracy,
        3 * accuracy, predicted, np.full((n, n, N), 0.5, np.float16), np.ones((n, n, N), np.int32),
    )  # fmt: skip


Numbers = Callable[[Any], list[np.ndarray]]


def test_no_chart_receives_a_number_that_is_none(
    paths: Paths, plane: Landscape, figure_numbers: Numbers
) -> None:
    """Even where a loss is infinite and pairs or points have not been measured."""
    paths.line.loss[0, 2] = np.inf
    plane.loss[4, 4] = np.inf
    walk = Surroundings(
        SurroundingsHeader(
            model="tiny",
            fingerprint="f",
            solution="s0",
            solution_seed=0,
            text="a",
            norm=9.0,
            seed=0,
        ),
        np.linspace(0, 2, 5),
        np.array([[1, 1, 0.5, 0, 0], [1, 1, 1, 1, 1]], np.float32),
        np.array([0.7, np.nan]),
    )
    drawn = [
        charts.accuracy_along(paths, 0),
        charts.loss_along(paths, 0),
        charts.positions_along(paths, 0),
        charts.convergence(paths, 0),
        charts.convergence(paths, 2),
        charts.all_pairs(paths),
        charts.ratios(paths),
        charts.all_pairs(Paths.empty(paths.header, paths.vectors)),
        charts.ratios(Paths.empty(paths.header, paths.vectors)),
        plane_charts.plane(plane, "accuracy", (4, 4), clickable=True),
        plane_charts.plane(plane, "loss"),
        plane_charts.around(walk),
    ]
    for chart in drawn:
        for numbers in figure_numbers(chart.figure):
            assert np.isfinite(numbers).all(), chart.key
        assert chart.alt and chart.figure.layout.title.text
        assert chart.figure.layout.xaxis.title.text and chart.figure.layout.yaxis.title.text


def test_line_and_curve_have_their_own_colour_and_dash(paths: Paths) -> None:
    line, curve = charts.accuracy_along(paths, 0).figure.data
    assert (line.name, curve.name) == ("straight line", "Bezier curve")
    assert line.line.color != curve.line.color and line.line.dash != curve.line.dash
    assert np.array_equal(curve.y, paths.curve.accuracy[0])
    assert np.array_equal(line.x, paths.t)


def test_all_pairs_are_one_line_that_never_jumps_in_t(paths: Paths) -> None:
    chart = charts.all_pairs(paths)
    thin, mean = chart.figure.data[:2]
    assert len(thin.x) == 2 * T and np.abs(np.diff(thin.x)).max() <= 1 / (T - 1) + 1e-9
    np.testing.assert_allclose(mean.y, paths.line.accuracy[:2].mean(axis=0))
    assert len(chart.table) == T and "2 pairs" in chart.alt


def test_the_table_of_pairs_says_what_the_paths_say(paths: Paths) -> None:
    table = charts.pair_table(paths)
    assert table["connected"].tolist() == [True, False]
    assert table["length ratio"].tolist() == [paths.ratio(0), paths.ratio(1)]
    assert table["connected from step"].tolist()[0] == 20
    assert table["lowest, curve"].tolist() == pytest.approx([1, 1 / 3])


def test_the_step_of_convergence_is_marked(paths: Paths) -> None:
    assert "from step 20" in charts.convergence(paths, 0).alt
    assert "not connected" in charts.convergence(paths, 1).alt


def test_where_attempts_begin_is_marked(paths: Paths) -> None:
    recipe = PathRecipe(points=T, max_steps=30, finish_steps=5, attempts=3, look_every=20)
    header = paths.header.model_copy(update={"recipe": recipe})
    steps = [0, 20, 30, 33, 53, 153, 158, 178]  # 30 and 3 to finish, 120 and 5, and on
    rows = [(0, step, 0.0, 0.5, 2.0) for step in steps]
    found = replace(paths, header=header, history=np.array(rows, dtype=HISTORY))
    assert found.begun_anew(0) == [33, 158]
    assert replace(found, history=found.history[:4]).begun_anew(0) == []
    figure = charts.convergence(found, 0).figure
    assert [line.x0 for line in figure.layout.shapes] == [33, 158]
    said = [a.text for a in figure.layout.annotations]
    assert said == ["attempt 2", "attempt 3"]


def test_token_texts_reach_hover_boxes_as_plain_text(paths: Paths) -> None:
    figure = charts.positions_along(paths, 0).figure
    assert figure.data[0].customdata[1][0] == "&lt;b&gt;c"


def test_contours_are_drawn_from_the_complete_grid_alone(plane: Landscape) -> None:
    figure = plane_charts.plane(plane, "accuracy", clickable=True).figure
    assert np.asarray(figure.data[0].z).shape == (9, 9)
    grid = next(trace for trace in figure.data if trace.name == "grid")
    assert len(grid.x) == 81
    k = 9 * 3 + 5
    row, column = grid.customdata[k]
    assert (grid.x[k], grid.y[k]) == (plane.x[column], plane.y[row]) and row % 2 == 0


def test_paths_in_the_plane_join_the_solutions(plane: Landscape) -> None:
    drawn = {t.name: t for t in plane_charts.plane(plane, "loss").figure.data if t.showlegend}
    for name in ("straight line", "Bezier curve"):
        ends = np.array(
            [[drawn[name].x[0], drawn[name].y[0]], [drawn[name].x[-1], drawn[name].y[-1]]]
        )
        np.testing.assert_allclose(ends, plane.marks[[0, -1]], atol=1e-9)


def test_a_walk_has_a_frame_for_each_t_and_a_line_for_each_path(paths: Paths) -> None:
    data = walk_data(paths, 0)
    assert len(data["predicted"]) == len(data["captions"]) == T
    assert data["labels"] == ["straight line", "Bezier curve"]
    assert data["predicted"][3] == [[9, 5, 6], [4, 5, 6]]
    assert data["captions"][3] == "t 0.50: line 0%, curve 100%"
    assert data["pieces"]["9"] == "x"


def test_a_point_of_the_plane_says_its_own_tokens(plane: Landscape) -> None:
    data = point_data(plane, 2, 4)
    assert data["predicted"] == [[[4, 5, 9]]] and data["p"] == [[[50, 50, 50]]]
