import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from safetensors.numpy import load_file

from explorer.base.errors import BadInputError
from explorer.geometry import depth, maps, projection, set_reports
from explorer.geometry.states import States
from explorer.solutions import sets
from explorer.solutions.recording import Recording, RecordingHeader
from explorer.specs.jobs import GatheredText, MapSpec

pytestmark = pytest.mark.xdist_group("umap")  # compiled once by the process that has them
MakeSet = Callable[..., str]


def test_coordinates_are_those_of_the_files(make_set: MakeSet) -> None:
    name = make_set()
    made = maps.make(MapSpec(sets=(name,)))
    folder = sets.find(name)
    by_id = {m.solution: load_file(folder / m.file)["e"] for m in sets.load(folder).exact}
    rows = np.stack([by_id[i] for i in made.points["id"]]).astype(np.float64)
    rows -= rows.mean(0)
    u, s, _ = np.linalg.svd(rows, full_matrices=False)
    expected = np.abs(u[:, :2] * s[:2])
    assert np.abs(made.points[["x", "y"]].to_numpy()) == pytest.approx(expected, abs=1e-9)
    assert made.record.explained == pytest.approx(((s**2) / (s**2).sum())[:2])


def test_a_map_is_kept_and_is_the_same_picture(
    make_set: MakeSet, request: pytest.FixtureRequest
) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@umap")  # compiled once only if groups are kept
    spec = MapSpec(sets=(make_set(),), method="umap", neighbours=4)
    assert maps.load(spec) is None
    made = maps.make(spec)
    maps.save(made)
    again = maps.load(spec)
    assert again is not None and again.points.equals(made.points)
    assert maps.load(spec.model_copy(update={"seed": 1})) is None


def test_what_is_kept_of_a_set_is_not_of_the_same_set_trained_anew(make_set: MakeSet) -> None:
    """On another device, say: its solutions have the same ids and other vectors."""
    spec = MapSpec(sets=(make_set(),))
    (found,) = maps.gather(spec)
    anew = [
        replace(s, record=s.record.model_copy(update={"seconds": s.record.seconds + 1}))
        for s in found.solutions
    ]
    assert maps.key(spec, [replace(found, solutions=anew)]) != maps.key(spec, [found])
    longer = [m.model_copy(update={"seconds": m.seconds + 1}) for m in found.record.members]
    again = found.record.model_copy(update={"members": longer})
    assert set_reports.key(again) != set_reports.key(found.record)


def test_pca_does_not_depend_on_settings_of_umap(make_set: MakeSet) -> None:
    spec = MapSpec(sets=(make_set(),))
    maps.save(maps.make(spec))
    assert maps.load(spec.model_copy(update={"seed": 5, "neighbours": 3})) is not None


def test_several_sets_share_labels_of_equal_texts(make_set: MakeSet) -> None:
    names = (make_set(), make_set(regime="shared"))
    made = maps.make(MapSpec(sets=names))
    assert len(made.points) == 30
    assert made.points["text"].nunique() == 9 and made.points["context"].nunique() == 3
    assert set(made.points["regime"]) == {"free", "shared"}
    assert len(made.solutions) == 30


def _gathered(name: str, *contexts: str) -> str:
    """Let the texts of a set be given ones of one title, in these contexts or in none."""
    record = sets.load(sets.find(name))
    texts = [
        GatheredText(text=t.text, context=c, title="Own text")
        for t, c in zip(record.texts, contexts, strict=True)
    ]
    spec = record.spec.model_copy(update={"texts": tuple(texts)})
    known = [sets.SetContext(title=c or "Own text", source="own") for c in contexts]
    sets.save(record.model_copy(update={"spec": spec, "contexts": known}))
    return name


def test_texts_without_a_context_are_contexts_of_their_own(make_set: MakeSet) -> None:
    one = _gathered(make_set(contexts=4, texts=1, restarts=2), "", "", "", "")
    made = maps.make(MapSpec(sets=(one,)))
    assert made.points["context"].nunique() == made.points["text"].nunique() == 4
    context, text = made.record.purity
    assert (context.share, context.chance) == (text.share, text.chance)
    other = _gathered(make_set(contexts=4, texts=1, regime="shared"), "Own text", "a", "", "")
    both = maps.make(MapSpec(sets=(one, other))).points
    assert both["text"].nunique() == 4 and both["context"].nunique() == 4 + 2


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"fingerprint": "a" * 64}, "different models"),
        ({"length": 4}, "differ in length"),
        ({"arrangement": "e+mN-1"}, "differ in length or arrangement"),
    ],
)
def test_sets_that_do_not_fit_together_are_a_sentence(
    other: dict[str, object], said: str, make_set: MakeSet
) -> None:
    with pytest.raises(BadInputError, match=said):
        maps.make(MapSpec(sets=(make_set(), make_set(seed=1, **other))))


def test_what_cannot_be_drawn_is_a_sentence(make_set: MakeSet) -> None:
    with pytest.raises(BadInputError, match="e where m is shared"):
        maps.make(MapSpec(sets=(make_set(regime="shared"),), vector="m"))
    none = MapSpec(sets=(make_set(inexact=99),))
    with pytest.raises(BadInputError, match="no exact solution"):
        maps.make(none)
    assert len(maps.make(none.model_copy(update={"inexact": True})).points) == 15
    with pytest.raises(BadInputError, match="no solution set"):
        maps.make(MapSpec(sets=("nope",)))


def test_purity_is_of_the_full_space(make_set: MakeSet) -> None:
    made = maps.make(MapSpec(sets=(make_set(),)))
    full = maps.vectors(made.sets, "e")
    unit = full / np.linalg.norm(full, axis=1, keepdims=True)
    expected = projection.purity(1 - unit @ unit.T, "context", made.points["context"].to_numpy())
    kept = {p.label: p for p in made.record.purity}
    assert expected is not None and kept["context"].share == pytest.approx(expected.share)
    assert kept["text"].solutions == 9  # the last text of each context has three


def _recording(d: int, vectors: np.ndarray) -> Recording:
    header = RecordingHeader(
        model="tiny", target_ids=[1, 2], seeds=[0, 1], d_model=d, arrangement="e+mN"
    )
    frames = np.zeros(len(vectors), dtype=header.frame_dtype)
    frames["e"], frames["step"] = vectors, np.arange(len(vectors))
    frames["best"], frames["accuracy"] = 1, [[0.25, 0.5]] * len(vectors)
    return Recording(header, frames)


def test_a_run_is_laid_along_the_axes_of_the_map(make_set: MakeSet) -> None:
    made = maps.make(MapSpec(sets=(make_set(),)))
    e = np.stack([s.e for s in made.solutions.values()])[:4]
    way = maps.trajectory(made, _recording(6, e))
    expected = made.points[["x", "y"]].to_numpy()[:4]
    assert way[["x", "y"]].to_numpy() == pytest.approx(expected, abs=5e-3)  # frames are float16
    assert way["accuracy"].tolist() == [0.5] * 4


def test_a_run_that_does_not_fit_is_a_sentence(make_set: MakeSet) -> None:
    name = make_set()
    with pytest.raises(BadInputError, match="another model"):
        maps.trajectory(maps.make(MapSpec(sets=(name,))), _recording(5, np.zeros((2, 5))))
    umap = maps.make(MapSpec(sets=(name,), method="umap", neighbours=4))
    with pytest.raises(BadInputError, match="PCA map only"):
        maps.trajectory(umap, _recording(6, np.zeros((2, 6))))


def test_a_run_of_another_model_as_wide_is_not_laid_into_a_map(make_set: MakeSet) -> None:
    """As of two checkpoints: their e and m live in different spaces."""
    made = maps.make(MapSpec(sets=(make_set(),)))
    of_one = [
        replace(s, record=s.record.model_copy(update={"model": "a/one"}))
        for s in made.sets[0].solutions
    ]
    made = replace(made, sets=[replace(made.sets[0], solutions=of_one)])
    run = _recording(6, np.zeros((2, 6)))
    for name, fits in (("a/one", True), ("/elsewhere/one", True), ("a/one@step1", False)):
        named = replace(run, header=run.header.model_copy(update={"model": name}))
        with nullcontext() if fits else pytest.raises(BadInputError, match="another model"):
            maps.trajectory(made, named)


def _of(spec: MapSpec, states: np.ndarray) -> States:
    return States(states, [s.record.id for found in maps.gather(spec) for s in found.solutions])


def _states(count: int, layers: int = 4, d: int = 12) -> np.ndarray:
    """Hidden states that drift from layer to layer; at the input all are one."""
    draw = np.random.default_rng(0)
    states = [np.ones((count, d))]
    at = draw.normal(size=(count, d))
    for _ in range(layers):
        at = at + 0.15 * draw.normal(size=(count, d))
        states.append(at * draw.uniform(0.5, 2, size=(count, 1)))  # only directions count
    return np.array(states, dtype=np.float32)


@pytest.mark.parametrize("method", ["pca", "umap"])
def test_points_move_from_layer_to_layer_and_do_not_jump(make_set: MakeSet, method: str) -> None:
    spec = MapSpec(sets=(make_set(contexts=6),), method=method, neighbours=5, place="m")
    states = _states(30)
    made = maps.make(spec, _of(spec, states))
    layers = np.array(made.record.layers)
    assert layers.shape == (5, 30, 2) and not layers[0].any()  # one state for all: no picture
    assert made.record.coordinates == layers[-1].tolist()
    moved = np.linalg.norm(np.diff(layers[1:], axis=0), axis=-1).mean()
    alone = []
    for of_layer in states[1:]:
        unit = of_layer / np.linalg.norm(of_layer, axis=1, keepdims=True)
        laid = (
            projection.principal(unit, 2).project(unit)
            if method == "pca"
            else projection.umap(unit, 2, neighbours=5, min_distance=0.1, metric="cosine", seed=7)
        )
        alone.append(projection.following(laid, None))
    jumped = np.linalg.norm(np.diff(np.array(alone), axis=0), axis=-1).mean()
    assert moved < 0.7 * jumped
    assert layers[1:] == pytest.approx(layers[1:] - layers[1:].mean(1, keepdims=True), abs=2e-3)
    assert (layers[1:] ** 2).sum(-1).mean(-1) == pytest.approx(1, abs=1e-2)


def test_a_layout_is_turned_back_to_the_one_before() -> None:
    before = projection.following(np.random.default_rng(1).normal(size=(20, 2)), None)
    turn = np.array([[0.6, 0.8], [0.8, -0.6]])  # turned and mirrored
    assert projection.following(3 * before @ turn + 5, before) == pytest.approx(before)


def test_a_map_of_hidden_states_is_kept_apart_from_that_of_the_vectors(make_set: MakeSet) -> None:
    plain = MapSpec(sets=(make_set(),))
    assert "place" not in plain.model_dump()  # maps of before keep their key
    layers = plain.model_copy(update={"place": "e"})
    maps.save(maps.make(layers, _of(layers, _states(15))))
    found = maps.load(layers)
    assert found is not None and len(found.record.layers) == 5
    assert maps.load(plain) is None
    assert maps.load(layers.model_copy(update={"vector": "m"})) is not None
    assert maps.load(layers.model_copy(update={"place": "m"})) is None


def test_flat_pca_of_one_set_comes_from_its_distances_by_layer() -> None:
    spec = MapSpec(sets=("131d0d8231dc",), place="m")  # ships with the project
    found = maps.load(spec)
    report = depth.REPORTS.load(sets.read(sets.find(spec.sets[0])).record)
    assert found is not None and report is not None
    for layer, one in enumerate(report.map_of("m")):
        assert found.record.layers[layer] == [list(at) for at in one.at]
    assert found.points["id"].tolist() == [point.id for point in report.points]
    assert maps.load(spec.model_copy(update={"dimensions": 3})) is None
    for name, place in product(("131d0d8231dc", "9fc05a49eeb4"), "em"):  # these ship as well
        shipped = maps.load(MapSpec(sets=(name,), method="umap", place=place))
        assert shipped is not None and len(shipped.record.layers) == report.layers + 1


def test_no_run_is_laid_into_hidden_states(make_set: MakeSet) -> None:
    spec = MapSpec(sets=(make_set(),), place="m")
    made = maps.make(spec, _of(spec, _states(15)))
    with pytest.raises(BadInputError, match="of e and m only"):
        maps.trajectory(made, None)  # type: ignore[arg-type]
