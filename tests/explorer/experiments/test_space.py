"""F8 to F10 from sets and paths: the figure follows from the vectors, and no answer is guessed."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from explorer.experiments import space
from explorer.experiments.verdicts import Finding
from explorer.geometry import binned, effects, measure_distances
from explorer.geometry.distances import KINDS, Pairs, kinds
from explorer.paths.header import PathsHeader, SolutionInfo, TextInfo
from explorer.paths.result import Paths
from explorer.solutions.sets import SolutionSet
from explorer.specs.curves import PathRecipe

if TYPE_CHECKING:
    from explorer.paths.curves import CurveKind

MakeSet = Callable[..., str]


pytestmark = pytest.mark.usefixtures("letters")


def medians(found: SolutionSet) -> list[float]:
    """Return the medians of the cosine distance of [e; m] by kind of pair, by another way."""
    by_kind: list[list[float]] = [[], [], []]
    for i, (a, one) in enumerate(zip(found.members, found.solutions, strict=True)):
        for b, two in list(zip(found.members, found.solutions, strict=True))[:i]:
            x, y = (np.concatenate([s.e, s.m]).astype(float) for s in (one, two))
            same = (a.context, a.continuation) == (b.context, b.continuation)
            kind = 0 if same else 1 if a.context == b.context else 2
            by_kind[kind].append(1 - x @ y / np.linalg.norm(x) / np.linalg.norm(y))
    return [float(np.median(distances)) for distances in by_kind]


def test_clusters_of_one_text_are_local_with_and_without_a_report(
    read_set: Callable[..., SolutionSet],
) -> None:
    found = read_set(contexts=4, restarts=4)
    measured = space.of_report(measure_distances.make(found).summary)
    quick = space.of_vectors(found)
    for findings in (measured, quick):
        assert [f.id for f in findings] == ["F8", "F9"]
        assert findings[0].shown is True
        kinds = ("same text", "same context")
        for median, kind in zip(medians(found)[:2], kinds, strict=True):
            assert f"{median:.3f} {kind}" in findings[0].figure
        assert "e and m together" in findings[0].figure
    assert quick[1].shown is None and "Measure" in quick[1].figure


def test_one_m_for_all_is_measured_by_e_alone(read_set: Callable[..., SolutionSet]) -> None:
    (local, _) = space.of_vectors(read_set(regime="shared"))
    assert "distance of e, medians" in local.figure


@pytest.mark.parametrize("fields", [{"restarts": 1}, {"inexact": 99}])
def test_a_set_that_cannot_tell_says_what_it_needs(
    fields: dict[str, int], read_set: Callable[..., SolutionSet]
) -> None:
    findings = space.of_vectors(read_set(**fields))
    assert [finding.id for finding in findings] == ["F8", "F9"]
    assert all(finding.shown is None and finding.figure for finding in findings)


def test_solutions_without_structure_do_not_show_it(read_set: Callable[..., SolutionSet]) -> None:
    found = read_set(contexts=4, restarts=4)
    draw = np.random.default_rng(3)
    for solution in found.solutions:
        solution.e[:], solution.m[:] = draw.normal(size=(2, len(solution.e)))
    assert space.of_vectors(found)[0].shown is not True


@pytest.mark.parametrize("labels", [[0, 0, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 1, 2]])
def test_too_few_labels_for_a_rare_order_decide_nothing(labels: list[int]) -> None:
    """Neither for it nor against it: the least p of three designs is .33, .1 and .17."""
    texts, contexts = np.array(labels), np.zeros(len(labels), dtype=np.int64)
    first, second = np.triu_indices(len(texts), 1)
    kind = kinds(contexts, texts, first, second)
    at, draw = Pairs(first, second, kind, contexts, texts), np.random.default_rng(0)
    for _ in range(20):
        x = draw.normal(size=(len(texts), 50))
        distances = np.linalg.norm(x[first] - x[second], axis=1)
        found = list(effects.compare(at, distances, permutations=99, resamples=0))
        local = space._local("e", {}, {}, found, 3)
        assert local.shown is None and "would decide" not in local.figure


def points(closer: float, noise: float = 0.01) -> pd.DataFrame:
    """Give text pairs of 6 contexts of 5 texts; y grows with x, less `closer` in one context."""
    draw = np.random.default_rng(0)
    first, second = np.triu_indices(30, 1)
    same = first // 5 == second // 5
    x = draw.uniform(0, 1, len(first))
    return pd.DataFrame(
        {
            "text_a": first,
            "text_b": second,
            "context_a": first // 5,
            "context_b": second // 5,
            "kind": np.where(same, "same context", "different contexts"),
            "x": x,
            "y": 0.5 + np.floor(4 * x) / 10 - closer * same + noise * draw.normal(size=len(first)),
        }
    )


@pytest.mark.parametrize("closer", [0.05, 0.0, -0.05])
def test_the_gap_at_the_same_text_distance_is_found_again(closer: float) -> None:
    found = binned.compare(points(closer), 8)[1]
    assert found is not None and found.low is not None and found.high is not None
    assert found.mean == pytest.approx(closer, abs=0.012)
    assert found.low <= found.mean <= found.high
    assert (found.low > 0) == (closer > 0) and (found.high < 0) == (closer < 0)
    assert found.same <= 60 and found.bins <= 8


def test_the_gap_is_what_its_bins_say_and_resamples_as_they_do() -> None:
    table = points(0.03, noise=0.05)
    (same, different), found = binned.compare(table, 4)
    assert found is not None
    expected = np.average(np.subtract(different.mean, same.mean), weights=same.count)
    assert found.mean == pytest.approx(expected)
    assert (found.same, found.different) == (sum(same.count), sum(different.count))
    one = binned.compare(table, 1)[1]
    ends = [table[f"context_{end}"].to_numpy() for end in "ab"]
    weights = [
        np.where(ends[0] == ends[1], times[ends[0]], times[ends[0]] * times[ends[1]])
        for times in effects.draws(6, effects.RESAMPLES, 0)
    ]
    x = table["x"][table["kind"] == "same context"]
    near, far = (
        (table["kind"] == kind) & table["x"].between(x.min(), x.max()) for kind in KINDS[1:]
    )
    by_hand = [
        np.average(table["y"][far], weights=w[far]) - np.average(table["y"][near], weights=w[near])
        for w in weights
    ]
    assert one is not None
    assert (one.low, one.high) == pytest.approx(np.percentile(by_hand, [2.5, 97.5]))


def test_texts_that_are_nearer_do_not_count_as_a_gap() -> None:
    table = points(0.0, noise=0.0)
    table.loc[table["kind"] == "same context", "x"] **= 3
    table["y"] = np.floor(4 * table["x"])
    by_kind = table.groupby("kind")["y"].mean()
    assert by_kind["different contexts"] - by_kind["same context"] > 0.5
    found = binned.compare(table, 4)[1]
    assert found is not None and abs(found.mean) < 0.1


def test_f9_follows_from_the_pairs_of_the_report(read_set: Callable[..., SolutionSet]) -> None:
    report = measure_distances.make(read_set(contexts=6, texts=8, restarts=2))
    (_, closer) = space.of_report(report.summary)
    of_texts = binned.text_pairs(report.pairs)
    gaps = [
        binned.compare(binned.points(of_texts, name, "cosine_both"))[1]
        for name in ("tfidf", "semantic")
    ]
    known = [gap for gap in gaps if gap]
    assert known
    for gap in known:
        assert f"{gap.mean:.4f} closer" in closer.figure
    assert closer.shown is True  # contexts have centres of their own
    few = space.of_report(measure_distances.make(read_set(contexts=2, texts=2)).summary)
    assert few[1].shown is None and "too few" in few[1].figure


def test_without_intervals_the_gap_says_neither_yes_nor_no(
    read_set: Callable[..., SolutionSet],
) -> None:
    report = measure_distances.make(read_set(contexts=4, texts=8, restarts=2))
    (_, closer) = space.of_report(report.summary)
    assert closer.shown is None and "at least 5 contexts" in closer.figure
    assert "(None" not in closer.figure and "nan" not in closer.figure


def test_a_gap_the_other_way_is_called_farther_and_half_a_gap_is_not_enough(
    read_set: Callable[..., SolutionSet],
) -> None:
    report = measure_distances.make(read_set(contexts=6, texts=8, restarts=2))
    charts = report.summary.charts
    assert charts is not None

    def closer_of(low: float, high: float, of: Sequence[str] = ("tfidf", "semantic")) -> Finding:
        gap = binned.Gap((low + high) / 2, low, high, 0.06, 104, 916, 4)
        turned = [
            a.model_copy(update={"gap": gap if a.text_distance in of else None})
            for a in charts.against_texts
        ]
        changed = {"charts": charts.model_copy(update={"against_texts": turned})}
        return space.of_report(report.summary.model_copy(update=changed))[1]

    assert closer_of(-0.0113, -0.0021).shown is False
    assert closer_of(0.0021, 0.0113).shown is True
    for low, high in ((0.0001, 0.0113), (-0.0113, -0.0001)):  # six contexts are few
        assert closer_of(low, high).shown is None
    one = closer_of(0.0021, 0.0113, ["semantic"])  # the claim is of both
    assert one.shown is None and "TF-IDF: too few text pairs" in one.figure
    assert closer_of(-0.0113, -0.0021, ["semantic"]).shown is False
    closer = closer_of(-0.0113, 0.0053)
    assert closer.shown is None and "-0.0" not in closer.figure
    assert "contexts would decide" in closer.figure
    assert (
        "same-context pairs are 0.0030 farther apart in cosine (interval: 0.0113 farther apart to "
        "0.0053 closer), 0.05 of their standard deviation" in closer.figure
    )


def paths(
    line: Sequence[float], curve: Sequence[float], kind: "CurveKind" = "bezier", texts: int = 6
) -> Paths:
    """Give paths with these lowest accuracies, the same of each text."""
    pairs, ends = len(line), len(line) + 1
    header = PathsHeader(
        model="a/tiny",
        fingerprint="f" * 64,
        arrangement="e+mN",
        kind=kind,
        recipe=PathRecipe(points=5),
        texts=[TextInfo(text=f"heron {t}", target_ids=[1, 2]) for t in range(texts)],
        solutions=[
            SolutionInfo(id=f"{t}-{k}", seed=k, text=t) for t in range(texts) for k in range(ends)
        ],
        pairs=[(t * ends, t * ends + k + 1) for t in range(texts) for k in range(pairs)],
    )
    vectors = np.random.default_rng(0).normal(size=(texts * ends, 6)).astype(np.float32)
    found = Paths.empty(header, vectors)
    found.line.accuracy[:], found.curve.accuracy[:] = 1, 1
    found.line.accuracy[:, 2], found.curve.accuracy[:, 2] = [*line] * texts, [*curve] * texts
    found.steps[:], found.over[:] = 10, True
    return found


def test_curves_that_hold_where_lines_fail_show_f10() -> None:
    found = paths([0.2, 0.4, 0.5], [1, 1, 0.99])
    (finding,) = space.of_paths(found)
    assert finding.id == "F10" and finding.shown is True
    assert "18 pairs of 6 texts, N = 2, arrangement A4:" in finding.figure
    assert "for 0 (0%), the Bezier curve for 18 (100%; 95% interval by text 61% to 100%)" in (
        finding.figure
    )
    assert "Lowest accuracy on a line: 0.40" in finding.figure
    ratios = [found.ratio(k) for k in range(18)]
    assert f"{np.median(ratios):.2f} times as long as the line (median)" in finding.figure
    assert f"at most {max(ratios):.2f} times" in finding.figure


@pytest.mark.parametrize(
    ("line", "curve", "texts", "shown"),
    [
        ([1, 1, 1], [1, 1, 1], 6, False),
        ([0.2, 0.2, 0.2], [0.5, 0.5, 1], 6, False),
        ([0.2, 0.2, 0.2], [0.5, 1, 1], 6, True),  # most of them
        ([0.2, 0.2], [0.5, 1], 6, None),
        ([0.2, 0.2, 0.2], [0.5, 0.5, 0.5], 5, None),
        ([0.2, 0.2, 0.2], [1, 1, 1], 5, None),
    ],
)
def test_what_fails_is_said(
    line: list[float], curve: list[float], texts: int, shown: bool | None
) -> None:
    (finding,) = space.of_paths(paths(line, curve, texts=texts))
    assert finding.shown is shown


def test_paths_under_way_or_of_another_curve_cannot_tell() -> None:
    found = paths([0.2, 0.2], [0.5, 0.5])
    assert space.of_paths(found)[0].shown is False
    found.over[1] = False
    assert space.of_paths(found)[0].shown is None
    found.steps[:] = -1
    assert space.of_paths(found) == []
    (other,) = space.of_paths(paths([0.2], [1], "two-bends"))
    assert other.shown is None and "two-bends" in other.figure
