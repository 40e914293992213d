"""Distances and their statistics against computations of other hands, from the files."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from scipy.spatial import distance as scipy_distance
from scipy.stats import mannwhitneyu

from explorer import binned, distance_report, distances, effects, measure_distances
from explorer.distance_report import Compared, Summarised, order_in_words
from explorer.distances import KINDS, Pairs
from explorer.errors import BadInputError
from explorer.sets import records
from explorer.sets.records import SolutionSet

MakeSet = Callable[..., str]


@pytest.fixture(autouse=True)
def no_sentence_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Embed texts by their letters: the real model takes seconds to load."""

    class Letters:
        def encode(self, texts: list[str], **_: object) -> np.ndarray:
            return np.array([[text.count(c) for c in "abcdefghijklmnop"] for text in texts])

    monkeypatch.setattr("explorer.text_distances.sentence_model", Letters)


@pytest.fixture
def read(make_set: MakeSet) -> Callable[..., SolutionSet]:
    return lambda **fields: records.read(records.find(make_set(**fields)))


def test_every_pair_equals_what_the_files_give(read: Callable[..., SolutionSet]) -> None:
    found = read(contexts=3, inexact=1)
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


def test_the_summary_equals_what_the_pairs_give(read: Callable[..., SolutionSet]) -> None:
    report = measure_distances.make(read())
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
            assert c.low is not None and c.high is not None
            assert c.low <= c.high
            assert 0 < c.p <= 1
    assert [m.baseline for m in report.summary.measured if m.metric == "l2"] == [None] * 3
    baselines = {m.vector: m.baseline for m in report.summary.measured if m.metric == "cosine"}
    assert baselines["e"] == (1.0, pytest.approx(6**-0.5))
    assert baselines["both"] == (1.0, pytest.approx(12**-0.5))


@pytest.mark.parametrize("swapped", [False, True])
def test_the_order_and_what_is_beyond_chance_are_said(swapped: bool) -> None:
    medians: list[float] = [0.7, 0.9, 0.8] if swapped else [0.7, 0.8, 0.9]
    compared = [
        Compared(
            near=near, far=far, auc=auc, cliffs_delta=2 * auc - 1, low=None, high=None, p=p,
            shuffled="labels",
        )
        for near, far, auc, p in (
            ("same text", "same context", 0.81, 0.001),
            ("same context", "different contexts", 0.49, 0.05),
        )
    ]  # fmt: skip
    said = order_in_words(
        Summarised(
            vector="e", metric="cosine", dimensions=8, baseline=None, comparisons=compared,
            medians=dict(zip(KINDS, medians, strict=True)),
        )
    )  # fmt: skip
    assert ("not in the paper's order" in said) is swapped
    assert said.index("same text 0.700") < said.index("0.800") < said.index("0.900")
    assert "Beyond chance (p < 0.05): same text closer than same context (AUC 0.81)." in said
    assert "(p ≥ 0.05): same context closer than different contexts (AUC 0.49)." in said


def test_a_shared_m_has_no_statistic(read: Callable[..., SolutionSet]) -> None:
    report = measure_distances.make(read(regime="shared"))
    assert report.summary.one_m
    assert set(report.pairs["cosine_m"]) == {0.0} == set(report.pairs["l2_m"])
    assert {m.vector for m in report.summary.measured} == {"e", "both"}
    assert any("its distance is zero" in note for note in report.summary.notes)


def test_one_context_says_what_can_still_be_compared(read: Callable[..., SolutionSet]) -> None:
    report = measure_distances.make(read(contexts=1))
    assert report.summary.counts["different contexts"] == 0
    (compared,) = report.summary.measured[0].comparisons
    assert (compared.near, compared.far, compared.low) == ("same text", "same context", None)
    assert any("one context" in note for note in report.summary.notes)


def test_one_text_a_context_and_no_restart(read: Callable[..., SolutionSet]) -> None:
    report = measure_distances.make(read(texts=1, restarts=1))
    assert report.summary.counts == {"same text": 0, "same context": 0, "different contexts": 3}
    assert all(not m.comparisons for m in report.summary.measured)
    assert len(report.summary.notes) >= 2


@pytest.mark.parametrize(("inexact", "said"), [(15, "no exact solution"), (14, "1 exact solution")])
def test_too_few_solutions_are_a_sentence(
    inexact: int, said: str, read: Callable[..., SolutionSet]
) -> None:
    with pytest.raises(BadInputError, match=said):
        distances.pairs(read(inexact=inexact))


def test_a_text_twice_is_a_sentence(make_set: MakeSet) -> None:
    from explorer.solutions import load_solution, save_solution

    found = records.read(records.find(make_set()))
    one, two = found.folder / found.members[0].file, found.folder / found.members[1].file
    first, second = load_solution(one), load_solution(two)
    twin = type(second)(second.e, second.m, first.target_ids, second.record)
    save_solution(twin, two)
    with pytest.raises(BadInputError, match="are the same"):
        distances.pairs(records.read(found.folder))


def test_a_report_is_kept_and_found_again(
    read: Callable[..., SolutionSet], make_set: MakeSet
) -> None:
    found = read()
    assert distance_report.load(found) is None
    report = measure_distances.make(found)
    distance_report.save(found, report)
    again = distance_report.load(found)
    assert again is not None and again.summary == report.summary
    assert again.pairs.equals(report.pairs)
    assert distance_report.load(read(seed=1)) is None


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


def _brute_auc(d: np.ndarray, near: np.ndarray, far: np.ndarray) -> float:
    total = sum(
        a * b * (1.0 if x < y else 0.5 if x == y else 0.0)
        for x, a in zip(d, near, strict=True)
        for y, b in zip(d, far, strict=True)
    )
    return total / (near.sum() * far.sum())


def test_auc_with_weights_and_ties() -> None:
    draw = np.random.default_rng(0)
    d = draw.integers(0, 5, 30).astype(float)
    near, far = draw.integers(0, 3, 30).astype(float), draw.integers(0, 3, 30).astype(float)
    assert effects.Levels(d).auc(near, far) == pytest.approx(_brute_auc(d, near, far))
    assert np.isnan(effects.Levels(d).auc(near * 0, far))


def _pairs(contexts: list[int], texts: list[int]) -> Pairs:
    c, t = np.array(contexts), np.array(texts)
    i, j = np.triu_indices(len(c), 1)
    return Pairs(i, j, distances.kinds(c, t, i, j), c, t)


def test_the_bootstrap_resamples_contexts_as_a_whole() -> None:
    found = _pairs([0, 0, 1, 1, 2, 2], [0, 0, 1, 2, 3, 3])
    for weight in effects.context_weights(found, 50, 0):
        times = {}
        for i, j, w in zip(found.first, found.second, weight, strict=True):
            if found.contexts[i] == found.contexts[j]:
                times.setdefault(found.contexts[i], w)
                assert times[found.contexts[i]] == w
        assert sum(times.values()) == 3  # as many contexts drawn as there are
        for i, j, w in zip(found.first, found.second, weight, strict=True):
            if found.contexts[i] != found.contexts[j]:
                assert w == times[found.contexts[i]] * times[found.contexts[j]]


@pytest.mark.parametrize("which", effects.COMPARISONS)
def test_permutations_keep_what_the_null_hypothesis_keeps(which: tuple[str, str]) -> None:
    found = _pairs([0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 1, 1, 2, 3, 3, 4, 5, 5])
    sizes = sorted(np.unique(found.texts, return_counts=True)[1])
    draw = np.random.default_rng(0)
    moved = False
    for _ in range(20):
        contexts, texts = effects._shuffled(found, which, draw)  # type: ignore[arg-type]
        assert sorted(np.unique(texts, return_counts=True)[1]) == sizes
        pairing = {(t, c) for t, c in zip(texts, contexts, strict=True)}
        assert len(pairing) == 6  # a text has one context
        if which[1] == "same context":
            assert (contexts == found.contexts).all()
        elif which[0] == "same context":
            assert (texts == found.texts).all()
        moved |= (contexts != found.contexts).any() or (texts != found.texts).any()
    assert moved


def test_noise_is_seldom_significant_and_structure_is() -> None:
    contexts = np.repeat(np.arange(6), 6)
    found = _pairs(contexts.tolist(), np.repeat(np.arange(18), 2).tolist())
    draw = np.random.default_rng(0)

    def compared(vectors: np.ndarray) -> effects.Comparison:
        d = distances.cosine_distances(vectors)[found.first, found.second]
        return effects.compare(found, d, permutations=99, resamples=99)[1]

    noise = [compared(draw.normal(size=(36, 8))) for _ in range(20)]
    assert sum(c.p < 0.05 for c in noise) <= 4
    assert 0.45 < np.mean([c.auc for c in noise]) < 0.55
    assert 0.3 < np.mean([c.p for c in noise]) < 0.7
    structure = compared(draw.normal(size=(36, 8)) + 3 * draw.normal(size=(6, 8))[contexts])
    assert structure.near == "same context" and structure.p == 0.01
    assert structure.low is not None and structure.low > 0.5


def test_binned_means_are_over_the_common_support(read: Callable[..., SolutionSet]) -> None:
    report = measure_distances.make(read(contexts=6, texts=8, restarts=2))
    points = binned.text_pairs(report.pairs, "semantic", "cosine_e")
    different = report.pairs[report.pairs["kind"] != "same text"]
    assert points["solutions"].sum() == len(different)
    row = points.iloc[5]
    both = {row["text_a"], row["text_b"]}
    these = different[[{a, b} == both for a, b in
                       zip(different["text_a"], different["text_b"], strict=True)]]  # fmt: skip
    assert row["y"] == pytest.approx(these["cosine_e"].mean())
    means = binned.bins(points, 4)
    assert [b.kind for b in means] == list(KINDS[1:])
    x = {b.kind: points.loc[points["kind"] == b.kind, "x"] for b in means}
    low, high = max(v.min() for v in x.values()), min(v.max() for v in x.values())
    width = (high - low) / 4
    for found in means:
        assert len(found.centre) and (found.centre >= low).all() and (found.centre <= high).all()
        for centre, mean, count in zip(found.centre, found.mean, found.count, strict=True):
            here = points[(points["kind"] == found.kind) & (points["x"] <= high)
                          & (points["x"] >= low)]  # fmt: skip
            inside = here[(here["x"] - centre).abs() <= width / 2 + 1e-12]
            assert len(inside) == count >= binned.LEAST
            assert inside["y"].mean() == pytest.approx(mean)
        assert (found.low <= found.mean + 1e-9).all() and (found.mean <= found.high + 1e-9).all()


def test_bins_need_both_kinds(read: Callable[..., SolutionSet]) -> None:
    report = measure_distances.make(read(texts=1, restarts=2))
    assert binned.bins(binned.text_pairs(report.pairs, "semantic", "cosine_e")) == []


def test_undefined_text_distances_never_reach_a_chart_or_json(
    read: Callable[..., SolutionSet],
) -> None:
    report = measure_distances.make(read())
    report.pairs.loc[report.pairs["text_a"] == 0, "tfidf"] = np.nan
    points = binned.text_pairs(report.pairs, "tfidf", "cosine_e")
    assert not points.isna().any(axis=None) and 0 not in set(points["text_a"])
    plain = distance_report.as_json(report)
    assert {p["tfidf"] for p in plain["pairs"] if p["text_a"] == 0} == {None}
