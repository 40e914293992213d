"""Distances and their statistics against computations of other hands, from the files."""

import itertools
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from scipy.spatial import distance as scipy_distance
from scipy.stats import mannwhitneyu

from explorer.base import provenance
from explorer.base.errors import BadInputError
from explorer.base.progress import finish
from explorer.geometry import (
    binned,
    distance_charts,
    distance_report,
    distances,
    effects,
    measure_distances,
)
from explorer.geometry.distance_report import Summarised, order_in_words
from explorer.geometry.distances import KINDS, Kind, Pairs
from explorer.geometry.effects import Comparison
from explorer.solutions import sets
from explorer.solutions.sets import SolutionSet

MakeSet = Callable[..., str]


pytestmark = pytest.mark.usefixtures("letters")


def test_every_pair_equals_what_the_files_give(read_set: Callable[..., SolutionSet]) -> None:
    found = read_set(contexts=3, inexact=1)
    report = measure_distances.make(found)
    files = {m.solution: (m, load_file(found.folder / m.file)) for m in found.record.members}
    expected = [
        (a, b)
        for a, b in itertools.combinations([m.solution for m in found.record.members], 2)
        if files[a][0].exact and files[b][0].exact
    ]
    assert list(zip(report.pairs["a"], report.pairs["b"], strict=True)) == expected
    for row in report.pairs.to_dict(orient="records"):
        (one, x), (two, y) = files[row["a"]], files[row["b"]]
        both = [np.concatenate([v["e"], v["m"]]).astype(float) for v in (x, y)]
        assert row["cosine_e"] == pytest.approx(scipy_distance.cosine(x["e"], y["e"]), abs=1e-6)
        assert row["cosine_m"] == pytest.approx(scipy_distance.cosine(x["m"], y["m"]), abs=1e-6)
        assert row["cosine_both"] == pytest.approx(scipy_distance.cosine(*both))
        assert row["l2_e"] == pytest.approx(np.linalg.norm(x["e"] - y["e"]), rel=1e-5)
        assert row["l2_both"] == pytest.approx(np.linalg.norm(both[0] - both[1]), rel=1e-5)
        same_context = one.context == two.context
        same_text = same_context and one.continuation == two.continuation
        kind = "same text" if same_text else "same context" if same_context else KINDS[2]
        assert row["kind"] == kind
    assert sum(report.summary.counts.values()) == len(expected)


def test_the_summary_equals_what_the_pairs_give(read_set: Callable[..., SolutionSet]) -> None:
    report = measure_distances.make(read_set())
    for measured in report.summary.measured:
        column = f"{measured.metric}_{measured.vector}"
        groups = dict(list(report.pairs.groupby("kind")[column]))
        for kind, median in measured.medians.items():
            assert median == pytest.approx(np.median(groups[kind]))
        for c in measured.comparisons:
            far, near = groups[c.far], groups[c.near]
            u = mannwhitneyu(far, near).statistic / (len(far) * len(near))
            assert c.auc == pytest.approx(u)
            assert c.cliffs_delta == pytest.approx(2 * u - 1)
            assert c.low is None and c.high is None  # three contexts
            assert 0 < c.p <= 1
    assert [m.baseline for m in report.summary.measured if m.metric == "l2"] == [None] * 3
    baselines = {m.vector: m.baseline for m in report.summary.measured if m.metric == "cosine"}
    assert baselines["e"] == (1.0, pytest.approx(6**-0.5))
    assert baselines["both"] == (1.0, pytest.approx(12**-0.5))


@pytest.mark.parametrize("swapped", [False, True])
def test_the_order_and_what_is_beyond_chance_are_said(swapped: bool) -> None:
    medians: list[float] = [0.7, 0.9, 0.8] if swapped else [0.7, 0.8, 0.9]
    compared = [
        Comparison(
            near=near, far=far, auc=auc, cliffs_delta=2 * auc - 1, low=None, high=None, p=p,
            p_reverse=reverse, shuffled="labels",
        )
        for near, far, auc, p, reverse in (
            ("same text", "same context", 0.81, 0.001, 1.0),
            ("same context", "different contexts", 0.49, 0.05, None),
            ("same text", "different contexts", 0.2, 1.0, 0.001),
        )
    ]  # fmt: skip
    said = order_in_words(
        Summarised(
            vector="e",
            metric="cosine",
            dimensions=8,
            baseline=None,
            comparisons=compared,
            medians=dict(zip(KINDS, medians, strict=True)),
        )
    )
    assert ("not in the paper's order" in said) is swapped
    assert said.index("same text 0.700") < said.index("0.800") < said.index("0.900")
    assert "Beyond chance (p < 0.05): same text closer than same context (AUC 0.81); " in said
    assert "; same text farther than different contexts (AUC 0.20)." in said
    assert "(p ≥ 0.05): same context closer than different contexts (AUC 0.49)." in said


def test_a_shared_m_has_no_statistic(read_set: Callable[..., SolutionSet]) -> None:
    report = measure_distances.make(read_set(regime="shared"))
    assert report.summary.one_m
    assert set(report.pairs["cosine_m"]) == {0.0} == set(report.pairs["l2_m"])
    assert {m.vector for m in report.summary.measured} == {"e", "both"}
    assert any("its distance is zero" in note for note in report.summary.notes)


def test_one_context_says_what_can_still_be_compared(read_set: Callable[..., SolutionSet]) -> None:
    report = measure_distances.make(read_set(contexts=1))
    assert report.summary.counts["different contexts"] == 0
    (compared,) = report.summary.measured[0].comparisons
    assert (compared.near, compared.far, compared.low) == ("same text", "same context", None)
    assert any("one context" in note for note in report.summary.notes)


def test_one_text_a_context_and_no_restart(read_set: Callable[..., SolutionSet]) -> None:
    report = measure_distances.make(read_set(texts=1, restarts=1))
    assert report.summary.counts == {"same text": 0, "same context": 0, "different contexts": 3}
    assert all(not m.comparisons for m in report.summary.measured)
    assert len(report.summary.notes) >= 2


@pytest.mark.parametrize(("inexact", "said"), [(15, "no exact solution"), (14, "1 exact solution")])
def test_too_few_solutions_are_a_sentence(
    inexact: int, said: str, read_set: Callable[..., SolutionSet]
) -> None:
    with pytest.raises(BadInputError, match=said):
        distances.pairs(read_set(inexact=inexact))


def test_a_text_twice_is_a_sentence(make_set: MakeSet) -> None:
    from explorer.solutions.solution import load_solution, save_solution

    found = sets.read(sets.find(make_set()))
    one, two = found.folder / found.members[0].file, found.folder / found.members[1].file
    first, second = load_solution(one), load_solution(two)
    twin = type(second)(second.e, second.m, first.target_ids, second.record)
    save_solution(twin, two)
    with pytest.raises(BadInputError, match="are the same"):
        distances.pairs(sets.read(found.folder))


def test_a_report_is_kept_and_found_again(
    read_set: Callable[..., SolutionSet], make_set: MakeSet
) -> None:
    found = read_set()
    assert distance_report.load(found) is None and distance_report.load_pairs(found) is None
    report = measure_distances.make(found)
    distance_report.save(found, report)
    assert distance_report.load(found) == report.summary
    assert report.summary.versions == provenance.versions()
    pairs = distance_report.load_pairs(found)
    assert pairs is not None and pairs.equals(report.pairs)
    assert distance_report.load(read_set(seed=1)) is None


@given(st.lists(st.lists(st.floats(-5, 5, width=32), min_size=4, max_size=4), min_size=2))
@settings(max_examples=40, deadline=None)
def test_cosine_and_l2_are_distances(rows: list[list[float]]) -> None:
    vectors = np.array(rows, dtype=np.float64)
    for found in (distances.cosine_distances(vectors), distances.l2_distances(vectors)):
        assert np.isfinite(found).all() and (found >= 0).all()
        assert np.allclose(found, found.T)
        assert not np.diag(found).any()
    l2 = distances.l2_distances(vectors)
    assert (l2[:, None] <= l2[:, :, None] + l2[None] + 1e-3).all()  # triangle


def _pairs(contexts: list[int], texts: list[int]) -> Pairs:
    c, t = np.array(contexts), np.array(texts)
    i, j = np.triu_indices(len(c), 1)
    return Pairs(i, j, distances.kinds(c, t, i, j), c, t)


def _some(contexts: int) -> tuple[Pairs, np.ndarray]:
    """Pairs of contexts of unequal size, with texts of one to three solutions, and distances."""
    draw = np.random.default_rng(contexts)
    rows = [
        (c, 10 * c + t)
        for c in range(contexts)
        for t in range(2 + c % 3)
        for _ in range(1 + (c + t) % 3)
    ]
    found = _pairs(*([row[k] for row in rows] for k in (0, 1)))
    centres = draw.normal(size=(contexts, 4))[found.contexts]
    vectors = centres + draw.normal(size=(len(rows), 4))
    near = distances.cosine_distances(vectors)[found.first, found.second]
    return found, near.round(2)  # with ties


def _weights(found: Pairs, times: np.ndarray) -> np.ndarray:
    """Return by the rule itself how often each pair is in a resample of contexts."""
    a, b = (
        times[np.searchsorted(np.unique(found.contexts), found.contexts[end])]
        for end in (found.first, found.second)
    )
    return np.where(found.kind < 2, a, a * b)


def _auc(d: np.ndarray, near: np.ndarray, far: np.ndarray) -> float:
    """Return the AUC of weighted pairs, every near one held against every far one."""
    closer = (d[:, None] < d) + 0.5 * (d[:, None] == d)
    total = near.sum() * far.sum()
    return float(near @ closer @ far / total) if total else float("nan")


def _shuffled(
    found: Pairs, which: tuple[str, str], draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return contexts and texts of the solutions under the comparison's null hypothesis."""
    contexts, texts = found.contexts, found.texts
    if which == ("same text", "same context"):
        new = texts.copy()
        for context in np.unique(contexts):
            here = contexts == context
            new[here] = draw.permutation(texts[here])
        return contexts, new
    if which == ("same context", "different contexts"):
        _, at, number, sizes = np.unique(texts, True, True, True)
        given = contexts[at]
        for size in np.unique(sizes):
            given[sizes == size] = draw.permutation(given[sizes == size])
        return given[number], texts
    order = draw.permutation(len(texts))
    return contexts[order], texts[order]


@pytest.mark.parametrize("contexts", [1, 2, 5, 7])
def test_what_is_summed_in_pieces_is_what_all_pairs_give(contexts: int) -> None:
    found, d = _some(contexts)
    made = list(effects.compare(found, d, resamples=40, permutations=30, seed=3))
    assert len(made) == (1 if contexts == 1 else 3)
    for c in made:
        near, far = (found.kind == KINDS.index(kind) for kind in (c.near, c.far))
        assert c.auc == pytest.approx(_auc(d, near.astype(float), far.astype(float)))
        resampled = [
            _auc(d, w * near, w * far)
            for w in (_weights(found, times) for times in effects.draws(contexts, 40, 3))
        ]
        level = np.unique(d, return_inverse=True)[1]
        ours = effects.resampled_aucs(
            found, level, np.flatnonzero(near), np.flatnonzero(far), 40, 3
        )
        assert ours == pytest.approx(resampled, nan_ok=True)
        if contexts < effects.LEAST_CONTEXTS:
            assert c.low is None and c.high is None
        else:
            ends = np.nanpercentile(resampled, [2.5, 97.5])
            assert (c.low, c.high) == pytest.approx(ends)
        draw = np.random.default_rng(4)
        aucs = [c.auc]
        for _ in range(30):
            labels = _shuffled(found, (c.near, c.far), draw)
            kind = distances.kinds(*labels, found.first, found.second)
            near, far = (kind == KINDS.index(name) for name in (c.near, c.far))
            aucs.append(_auc(d, near.astype(float), far.astype(float)))
        assert c.p == sum(auc >= c.auc - 1e-9 for auc in aucs) / 31
        assert c.p_reverse == sum(auc <= c.auc + 1e-9 for auc in aucs) / 31
        # drawn, and two contexts have four ways
        assert c.smallest_p and min(c.p, c.p_reverse) >= 0.9 * c.smallest_p


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (("same text", "same context"), 3 * 1),  # abb as a pair and one, three ways; cc in one
        (("same context", "different contexts"), 2),  # a with either of the two of two solutions
        (("same text", "different contexts"), 5 * 4 * 3 // 2),
    ],
)
def test_ways_to_label_are_counted_once(which: tuple[str, str], expected: int) -> None:
    found = _pairs([0, 0, 0, 1, 1], [0, 1, 1, 2, 2])
    groups = set()
    for order in itertools.permutations(range(5)):
        contexts, texts = found.contexts, found.texts
        if which == ("same text", "same context"):
            if (contexts[list(order)] != contexts).any():
                continue
            texts = texts[list(order)]
        elif which == ("same context", "different contexts"):
            if order[0] != 0 or max(order[:3]) > 2:
                continue  # 0 alone has one solution
            contexts = contexts[[0, 1, 3]][list(order[:3])][texts]
        else:
            contexts, texts = contexts[list(order)], texts[list(order)]
        kind = distances.kinds(contexts, texts, found.first, found.second)
        groups.add(tuple(kind == KINDS.index(which[0])) + tuple(kind == KINDS.index(which[1])))
    assert effects.relabellings(found, which) == len(groups) == expected  # type: ignore[arg-type]


def test_ways_to_give_contexts_to_texts_of_one_and_of_two_solutions() -> None:
    texts = [0, 1, 1, 2, 3, 3, 4, 5, 5, 6]
    found = _pairs([[0, 0, 1, 1, 2, 2, 2][text] for text in texts], texts)
    of_text = np.array([0, 0, 1, 1, 2, 2, 2])
    ways = set()
    for one in itertools.permutations([0, 2, 4, 6]):
        for two in itertools.permutations([1, 3, 5]):
            given = of_text[[one[0], two[0], one[1], two[1], one[2], two[2], one[3]]]
            ways.add(tuple((given[:, None] == given).ravel()))
    assert effects.relabellings(found, ("same context", "different contexts")) == len(ways) == 36


def test_a_text_of_many_solutions_in_every_context_makes_noise_no_less_significant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Permuted over all texts, as it was, p was at most .05 in 7 of 400 such sets."""
    which: tuple[Kind, Kind] = ("same context", "different contexts")
    monkeypatch.setattr(effects, "COMPARISONS", {which: effects.COMPARISONS[which]})
    draw = np.random.default_rng(0)
    texts = np.repeat(np.arange(15), [5, 1, 1] * 5)
    found = _pairs((texts // 3).tolist(), texts.tolist())
    significant = []
    for _ in range(400):
        vectors = draw.normal(size=(15, 3))[texts] + 0.3 * draw.normal(size=(len(texts), 3))
        d = distances.l2_distances(vectors)[found.first, found.second]
        (compared,) = effects.compare(found, d, resamples=1, permutations=99)
        significant.append(compared.p <= 0.05)
    assert 0.03 < np.mean(significant) < 0.07


def test_an_interval_of_few_contexts_is_none_and_says_why(
    read_set: Callable[..., SolutionSet],
) -> None:
    few, enough = (measure_distances.make(read_set(contexts=n)).summary for n in (4, 5))
    assert {c.low for m in few.measured for c in m.comparisons} == {None}
    assert any("4 contexts. An interval needs 5 or more" in note for note in few.notes)
    assert None not in {c.low for m in enough.measured for c in m.comparisons}
    assert not any("interval" in note for note in enough.notes)


@pytest.mark.parametrize("count", [60, 120])
def test_memory_grows_with_pairs_not_with_resamples(count: int) -> None:
    """Without streaming 1,000 resamples of 7,140 pairs took 57 MB, and 30 of a text pair."""
    draw = np.random.default_rng(0)
    contexts = np.repeat(np.arange(6), count // 6)
    found = _pairs(contexts.tolist(), np.repeat(np.arange(count // 2), 2).tolist())
    d = draw.uniform(size=len(found))
    tracemalloc.start()
    list(effects.compare(found, d, permutations=99))
    points = pd.DataFrame(
        {
            "text_a": found.first,
            "text_b": found.second,
            "x": d,
            "y": d,
            "context_a": found.contexts[found.first],
            "context_b": found.contexts[found.second],
            "kind": np.where(found.kind == 2, KINDS[2], KINDS[1]),
        }
    )
    binned.compare(points)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6 + 300 * len(found)


def test_noise_is_seldom_significant_and_structure_is() -> None:
    contexts = np.repeat(np.arange(6), 6)
    found = _pairs(contexts.tolist(), np.repeat(np.arange(18), 2).tolist())
    draw = np.random.default_rng(0)

    def compared(vectors: np.ndarray) -> effects.Comparison:
        d = distances.cosine_distances(vectors)[found.first, found.second]
        return list(effects.compare(found, d, permutations=99, resamples=99))[1]

    noise = [compared(draw.normal(size=(36, 8))) for _ in range(20)]
    assert sum(c.p < 0.05 for c in noise) <= 4
    assert 0.45 < np.mean([c.auc for c in noise]) < 0.55
    assert 0.3 < np.mean([c.p for c in noise]) < 0.7
    structure = compared(draw.normal(size=(36, 8)) + 3 * draw.normal(size=(6, 8))[contexts])
    assert structure.near == "same context" and structure.p == 0.01
    assert structure.low is not None and structure.low > 0.5


def test_binned_means_are_over_the_common_support(read_set: Callable[..., SolutionSet]) -> None:
    report = measure_distances.make(read_set(contexts=6, texts=8, restarts=2))
    points = binned.points(binned.text_pairs(report.pairs), "semantic", "cosine_e")
    different = report.pairs[report.pairs["kind"] != "same text"]
    assert points["solutions"].sum() == len(different)
    row = points.iloc[5]
    both = {row["text_a"], row["text_b"]}
    these = different[
        [{a, b} == both for a, b in zip(different["text_a"], different["text_b"], strict=True)]
    ]
    assert row["y"] == pytest.approx(these["cosine_e"].mean())
    means, gap = binned.compare(points, 4)
    assert gap is not None
    assert [b.kind for b in means] == list(KINDS[1:])
    x = {b.kind: points.loc[points["kind"] == b.kind, "x"] for b in means}
    low, high = max(v.min() for v in x.values()), min(v.max() for v in x.values())
    width = (high - low) / 4
    for found in means:
        assert found.centre and all(low <= centre <= high for centre in found.centre)
        for k, (centre, mean) in enumerate(zip(found.centre, found.mean, strict=True)):
            here = points[
                (points["kind"] == found.kind) & (points["x"] <= high) & (points["x"] >= low)
            ]
            inside = here[(here["x"] - centre).abs() <= width / 2 + 1e-12]
            assert len(inside) == found.count[k] >= binned.LEAST
            assert inside["y"].mean() == pytest.approx(mean)
            by_hand = []
            for times in effects.draws(6, effects.RESAMPLES, 0):
                a, b = (times[inside[f"context_{end}"]] for end in "ab")
                weight = a if found.kind == "same context" else a * b
                if weight.sum():
                    by_hand.append(np.average(inside["y"], weights=weight))
            assert (found.low[k], found.high[k]) == pytest.approx(
                np.percentile(by_hand, [2.5, 97.5])
            )


def test_bins_need_both_kinds(read_set: Callable[..., SolutionSet]) -> None:
    report = measure_distances.make(read_set(texts=1, restarts=2))
    points = binned.points(binned.text_pairs(report.pairs), "semantic", "cosine_e")
    assert binned.compare(points) == ([], None)


def test_undefined_text_distances_never_reach_a_chart_or_json(
    read_set: Callable[..., SolutionSet],
) -> None:
    report = measure_distances.make(read_set())
    report.pairs.loc[report.pairs["text_a"] == 0, "tfidf"] = np.nan
    points = binned.points(binned.text_pairs(report.pairs), "tfidf", "cosine_e")
    assert not points.isna().any(axis=None) and 0 not in set(points["text_a"])
    charts = finish(distance_charts.make(report.pairs, ["e"]))
    kept = distance_charts.DistanceCharts.model_validate_json(charts.model_dump_json())
    drawn = kept.points("tfidf", "e").sort_values(["text_a", "text_b"])
    for name in ("text_a", "text_b", "x", "y"):
        assert drawn[name].to_numpy() == pytest.approx(points[name].to_numpy(), abs=1e-6)
    plain = json.loads("".join(distance_report.as_json(report.summary, report.pairs)))
    assert {p["tfidf"] for p in plain["pairs"] if p["text_a"] == 0} == {None}
    assert len(plain["pairs"]) == len(report.pairs)


def test_json_written_in_pieces_is_one_object(
    read_set: Callable[..., SolutionSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = measure_distances.make(read_set())
    whole = json.loads("".join(distance_report.as_json(report.summary, report.pairs)))
    monkeypatch.setattr(distance_report, "ROWS_AT_ONCE", 7)
    pieces = list(distance_report.as_json(report.summary, report.pairs))
    assert len(pieces) == 2 + 15 and json.loads("".join(pieces)) == whole
    assert [row["a"] for row in whole["pairs"]] == list(report.pairs["a"])
    assert whole["summary"]["charts"]["against_texts"] and "drawn" not in whole["summary"]["charts"]


def test_a_scatter_draws_some_of_many_and_means_are_over_all(
    read_set: Callable[..., SolutionSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = measure_distances.make(read_set(contexts=6, texts=8, restarts=2))
    monkeypatch.setattr(distance_charts, "MOST_DRAWN", 50)
    few = finish(distance_charts.make(report.pairs, ["e"]))
    whole = report.summary.charts
    assert whole is not None and few.against_texts == whole.against_texts[:2]
    drawn, every = (c.points("semantic", "e") for c in (few, whole))
    assert drawn["kind"].value_counts().to_dict() == dict.fromkeys(KINDS[1:], 50)
    keys = ["text_a", "text_b"]
    assert len(every) > 1000 and not drawn.duplicated(keys).any()
    assert len(drawn.merge(every, on=[*keys, "x", "y"])) == 100


def old_file(found: SolutionSet, report: distance_report.DistanceReport) -> Path:
    """Store a report as versions before charts were kept did."""
    file = distance_report.save(found, report)
    fields = json.loads(file.read_bytes())
    del fields["charts"], fields["versions"]
    for measured in fields["measured"]:
        for c in measured["comparisons"]:
            del c["smallest_p"], c["p_reverse"]
            c["low"] = c["high"] = 0.278
    fields["notes"] = [
        "m is shared: all its vectors are equal, its distance is zero, and there is no statistic "
        "for it. “Both” differs from e only by that constant."
    ]
    file.write_text(json.dumps(fields, indent=1))
    pd.read_parquet(file.with_suffix(".parquet")).astype(dict.fromkeys("ab", str)).astype(
        {"kind": str}
    ).to_parquet(file.with_suffix(".parquet"), index=False)
    return file


@pytest.mark.parametrize(("contexts", "low"), [(2, None), (6, 0.278)])
def test_an_old_report_opens_corrected(
    contexts: int, low: float | None, read_set: Callable[..., SolutionSet]
) -> None:
    found = read_set(contexts=contexts, regime="shared")
    report = measure_distances.make(found)
    old_file(found, report)
    again = distance_report.load(found)
    assert again is not None and again.charts == report.summary.charts
    assert again.versions == {}
    assert {c.low for m in again.measured for c in m.comparisons} == {low}
    assert distance_report.ONE_M in again.notes
    assert not any("only by that constant" in note for note in again.notes)
    assert any("An interval needs 5" in note for note in again.notes) is (contexts < 5)


def test_one_m_leaves_l2_of_both_as_it_is_and_changes_cosine(
    read_set: Callable[..., SolutionSet],
) -> None:
    """What the remark on a shared m says: true of the numbers beside it."""
    report = measure_distances.make(read_set(contexts=5, regime="shared"))
    assert np.allclose(report.pairs["l2_e"], report.pairs["l2_both"])
    by = {(m.vector, m.metric): [c.auc for c in m.comparisons] for m in report.summary.measured}
    assert by["e", "l2"] == pytest.approx(by["both", "l2"])
    assert by["e", "cosine"] != pytest.approx(by["both", "cosine"], abs=1e-3)
    assert "In L2, e and m together are as far apart as e alone" in " ".join(report.summary.notes)


def test_more_solutions_than_memory_allows_are_a_sentence(
    read_set: Callable[..., SolutionSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "MOST_SOLUTIONS", 14)
    with pytest.raises(BadInputError, match=r"15 exact solutions\. At most 14 can be compared"):
        distances.pairs(read_set())
