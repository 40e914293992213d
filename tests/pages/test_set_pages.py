"""The pages of sets, distances and maps: empty, populated and in error, without a worker."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from explorer.base.database import JobRow, RequestRow, transaction
from explorer.geometry import distance_report, measure_distances
from explorer.jobs import client
from explorer.library import labels
from explorer.solutions import sets
from explorer.specs.jobs import DistancesSpec, MapSpec, SolveSetSpec
from explorer.specs.recipes import FAST
from tests.pages.driving import open_page, texts_of

pytestmark = pytest.mark.usefixtures("without_shipped", "letters")

MakeSet = Callable[..., str]


def measure(name: str) -> distance_report.DistanceReport:
    found = sets.read(sets.find(name))
    report = measure_distances.make(found)
    distance_report.save(found, report)
    return report


def numbers(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


@pytest.mark.parametrize("page", ["sets", "distances", "maps"])
def test_without_any_set_a_page_says_so(page: str) -> None:
    app = open_page(page)
    assert not app.exception
    assert "no solution set" in texts_of(app)


@pytest.mark.parametrize("page", ["sets", "distances", "maps"])
def test_a_damaged_set_is_a_sentence(page: str, make_set: MakeSet) -> None:
    (sets.find(make_set()) / sets.SET_FILE).write_text("{")
    app = open_page(page)
    assert not app.exception
    assert "damaged" in texts_of(app)


@pytest.mark.parametrize("page", ["sets", "distances", "maps"])
def test_a_set_that_has_lost_a_file_is_shown_with_what_is_left(
    page: str, make_set: MakeSet
) -> None:
    folder = sets.find(make_set())
    next(folder.glob("*.safetensors")).unlink()
    app = open_page(page)
    assert not app.exception and not app.error
    assert "1 solution file of this set is gone" in texts_of(app)
    if page == "sets":
        assert numbers(app)["Exact solutions"] == "14 / 15"


def test_a_file_that_goes_or_comes_back_is_noticed(make_set: MakeSet) -> None:
    folder = sets.find(make_set())
    app = open_page("sets")
    assert not app.warning and numbers(app)["Exact solutions"] == "15 / 15"
    file = next(folder.glob("*.safetensors"))
    content = file.read_bytes()
    file.unlink()
    app.run()
    assert "is gone" in app.warning[0].value and numbers(app)["Exact solutions"] == "14 / 15"
    file.write_bytes(content)
    app.run()
    assert not app.warning and numbers(app)["Exact solutions"] == "15 / 15"


def test_start_queues_exactly_what_the_widgets_say(tiny_llama_folder: Path) -> None:
    app = open_page("sets", tiny_llama_folder)
    app.number_input(key="set_contexts").set_value(2).run()
    app.number_input(key="set_length").set_value(5).run()
    app.radio(key="set_regime").set_value("shared").run()
    app.checkbox(key="set_part").check().run()
    app.number_input(key="set_k").set_value(3).run()
    assert not app.exception and not app.error
    assert "26 solutions: about" in texts_of(app)
    app.button(key="set_start").click().run()
    (job,) = client.jobs()
    assert isinstance(job.spec, SolveSetSpec)
    assert (job.spec.contexts, job.spec.continuations, job.spec.restarts) == (2, 6, 8)
    assert (job.spec.regime, job.spec.m_from, job.spec.length) == ("shared", 3, 5)
    assert not app.exception


def test_a_set_that_takes_long_is_asked_about_first(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.estimates.outlook.QUICK_SECONDS", 0.0)
    app = open_page("sets", tiny_llama_folder)
    assert "This takes long: usually about " in texts_of(app)
    start = app.button(key="set_start")
    assert start.label == "Start anyway" and not client.jobs()
    start.click().run()
    assert not app.exception and len(client.jobs()) == 1


def test_texts_of_the_library_become_a_set(tiny_llama_folder: Path, make_set: MakeSet) -> None:
    found = sets.read(sets.find(make_set()))
    first = found.solutions[0].record
    app = open_page("sets", tiny_llama_folder)
    app.segmented_control(key="set_what").set_value("My own choice").run()
    app.multiselect(key="set_library").set_value([first.id]).run()
    assert not app.exception and not app.error
    app.button(key="set_start").click().run()
    (job,) = client.jobs()
    assert isinstance(job.spec, SolveSetSpec)
    assert [t.text for t in job.spec.texts] == [first.text]


def test_a_set_shows_every_attempt(make_set: MakeSet) -> None:
    app = open_page("sets", set=make_set(inexact=2))
    assert not app.exception
    assert numbers(app)["Exact solutions"] == "13 / 15"
    table = app.dataframe[0].value
    assert len(table) == 15
    assert (table["why not exact"] != "").sum() == 2
    assert "m free" in texts_of(app)


def test_a_link_to_a_solution_of_a_set_shows_that_one(make_set: MakeSet) -> None:
    solutions = sets.read(sets.find(make_set())).solutions
    for found, restarts in ((solutions[5], 1), (solutions[-1], 3)):
        app = open_page(solution=found.record.id)
        assert found.record.text in [text.value for text in app.text]
        assert numbers(app)["Exact restarts"] == f"{restarts} / {restarts}"


def test_a_set_can_be_looked_at_while_others_are_made(make_set: MakeSet) -> None:
    done, begun = make_set(), make_set(seed=1)
    for seed, asked in ((2, "pause"), (3, None)):
        job = client.submit(
            SolveSetSpec(
                model="x", contexts=1, continuations=1, restarts=1, length=3, regime="free",
                arrangement="e+mN", recipe=FAST, seed=seed,
            )
        )  # fmt: skip
        if asked:
            client.ask(job, asked)
    with transaction() as session:
        row = session.get(JobRow, job)
        assert row is not None
        row.result = json.dumps({"set": begun})
    for chosen, tables in ((done, 2), (begun, 1)):  # none stands on the page twice
        app = open_page("sets", set=chosen)
        assert not app.exception
        assert app.selectbox(key="chosen_set").value == chosen
        assert len([table for table in app.dataframe if "restart" in table.value]) == tables


def test_a_set_that_failed_says_why_and_can_be_resumed(tiny_llama_folder: Path) -> None:
    spec = SolveSetSpec(
        model=str(tiny_llama_folder), contexts=1, continuations=1, restarts=1, length=3,
        regime="free", arrangement="e+mN", recipe=FAST,
    )  # fmt: skip
    job = client.submit(spec)
    with transaction() as session:
        row = session.get(JobRow, job)
        assert row is not None
        row.state, row.error, row.finished = "failed", "The worker died 3 times.", time.time()
        row.result = '{"set": "abc"}'
    app = open_page("sets")
    assert [error.value for error in app.error] == ["The worker died 3 times."]
    app.button(key=f"resume-{job}").click().run()
    assert not app.exception and not app.error
    assert client.get(job).state == "queued"


def test_measuring_is_asked_of_the_worker(make_set: MakeSet) -> None:
    name = make_set()
    app = open_page("distances")
    app.button(key="measure").click().run()
    (job,) = client.jobs()
    assert job.spec == DistancesSpec(set=name)
    assert not app.exception


def test_what_somebody_else_has_paused_can_be_begun_by_others(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = client.submit(DistancesSpec(set=make_set()))
    client.ask(job, "pause")
    mine = open_page("distances")
    assert "measure" not in [button.key for button in mine.button]
    monkeypatch.setattr("widgets.server.is_theirs", lambda _: False)
    app = open_page("distances")
    app.button(key="measure").click().run()
    assert not app.exception and len(client.jobs()) == 2


def test_a_failed_measurement_says_why(make_set: MakeSet) -> None:
    job = client.submit(DistancesSpec(set=make_set(inexact=99)))
    with transaction() as session:
        row = session.get(JobRow, job)
        assert row is not None
        row.state, row.error = "failed", "The set has no exact solution."
    app = open_page("distances")
    assert not app.exception
    assert "no exact solution" in texts_of(app)


def test_the_numbers_on_the_page_are_those_of_the_files(make_set: MakeSet) -> None:
    name = make_set()
    measure(name)
    app = open_page("distances")
    assert not app.exception and not app.error
    folder = sets.find(name)
    members = sets.load(folder).exact
    e = np.stack([load_file(folder / m.file)["e"] for m in members]).astype(float)
    e /= np.linalg.norm(e, axis=1, keepdims=True)
    i, j = np.triu_indices(len(members), 1)
    distances = 1 - (e @ e.T)[i, j]
    text = np.array([m.context * 10 + m.continuation for m in members])
    same = text[i] == text[j]
    shown = {m.label: (m.value, m.delta) for m in app.metric}
    median = f"median cosine distance {np.median(distances[same]):.3f}"
    assert shown["Pairs, same text"] == (str(same.sum()), median)
    table = next(d.value for d in app.dataframe if "AUC" in d.value.columns)
    assert len(table) == 3
    far = (text[i] // 10) != (text[j] // 10)
    auc = (distances[same][:, None] < distances[far]).mean()
    row = table[(table["closer"] == "same text") & (table["than"] == "different contexts")]
    assert float(row["AUC"].iloc[0]) == pytest.approx(auc, abs=1e-4)


def test_a_shared_m_has_no_chart(make_set: MakeSet) -> None:
    measure(make_set(regime="shared"))
    app = open_page("distances")
    app.segmented_control(key="vector").set_value("m").run()
    assert not app.exception
    assert "its distance is always zero" in texts_of(app)
    assert "jointly, the paper's default" in texts_of(app)
    app.segmented_control(key="vector").set_value("both").run()
    assert not app.exception


@pytest.mark.parametrize("fields", [{"contexts": 1}, {"texts": 1}, {"texts": 1, "restarts": 1}])
def test_sets_that_allow_less_say_what_is_left(fields: dict[str, int], make_set: MakeSet) -> None:
    notes = measure(make_set(**fields)).summary.notes
    app = open_page("distances")
    assert not app.exception and not app.error
    assert notes and set(notes) <= {info.value for info in app.info}
    for axis in ("tfidf", "semantic"):
        app.segmented_control(key="text_axis").set_value(axis).run()
        assert not app.exception


def test_a_map_shows_chosen_solutions_and_leads_to_paths(make_set: MakeSet) -> None:
    name = make_set()
    app = open_page("maps")
    assert not app.exception and not app.error
    found = sets.read(sets.find(name))
    a, b = (found.solutions[k].record.id for k in (0, 4))
    (picker,) = [w for w in app.multiselect if str(w.key).startswith("named-")]
    picker.set_value([a, b]).run()
    assert not app.exception
    links = [link.proto.url for link in app.get("link_button")]
    assert links == [*(f"./inside?solution={i}" for i in (a, b)), f"./paths?a={a}&b={b}"]
    shown = next(
        d.value
        for d in app.dataframe
        if isinstance(d.value, pd.DataFrame) and d.value.shape == (2, 2)
    )
    e1, e2 = (found.solutions[k].e.astype(float) for k in (0, 4))
    cosine = 1 - e1 @ e2 / np.linalg.norm(e1) / np.linalg.norm(e2)
    assert shown.to_numpy()[0, 1] == pytest.approx(cosine)
    assert found.solutions[0].record.text in texts_of(app)
    assert any("same context" in label for label in numbers(app))


def test_umap_is_asked_of_the_worker(make_set: MakeSet) -> None:
    name = make_set()
    app = open_page("maps")
    app.segmented_control(key="method").set_value("umap").run()
    app.number_input(key="neighbours").set_value(4).run()
    with transaction() as session:
        announced = [row.kind for row in session.scalars(select(RequestRow))]
    assert announced == [client.MAPS_SOON]  # once, though the page ran twice since
    app.button(key="lay-out").click().run()
    (job,) = client.jobs()
    assert job.spec == MapSpec(sets=(name,), method="umap", neighbours=4)
    assert not app.exception


@pytest.mark.parametrize("colour", ["context", "text", "source", "accuracy", "restart", "set"])
def test_maps_can_be_coloured(colour: str, make_set: MakeSet) -> None:
    make_set()
    app = open_page("maps")
    app.segmented_control(key="dimensions").set_value(3).run()
    app.selectbox(key="colour").set_value(colour).run()
    assert not app.exception and not app.error


def test_sets_that_do_not_fit_together_are_a_sentence(make_set: MakeSet) -> None:
    names = [make_set(), make_set(seed=1, fingerprint="a" * 64)]
    app = open_page("maps")
    app.multiselect(key="chosen_sets").set_value(names).run()
    assert not app.exception
    assert any("different models" in error.value for error in app.error)


def test_a_map_through_the_layers_is_asked_of_the_worker(make_set: MakeSet) -> None:
    name = make_set()
    app = open_page("maps")
    app.selectbox(key="space").set_value("m").run()
    assert not app.exception and "vector" not in {w.key for w in app.segmented_control}
    app.button(key="lay-out").click().run()
    (job,) = client.jobs()
    assert job.spec == MapSpec(sets=(name,), place="m")


def test_what_is_chosen_in_a_map_can_be_tagged(make_set: MakeSet) -> None:
    found = sets.read(sets.find(make_set()))
    ids = [solution.record.id for solution in found.solutions[:2]]
    labels.put("solution", ids[0], name="", note="mine", tags=["old"])
    app = open_page("maps")
    (picker,) = [w for w in app.multiselect if str(w.key).startswith("named-")]
    picker.set_value(ids).run()
    app.text_input(key="tag-word").set_value("cluster").run()
    app.button(key="tag-them").click().run()
    assert not app.exception and "2 solutions tagged" in app.success[0].value
    kept = labels.labels("solution")
    assert kept[ids[0]].tags == ("old", "cluster") and kept[ids[0]].note == "mine"
    assert kept[ids[1]].tags == ("cluster",) and len(kept) == 2


@pytest.mark.parametrize("page", ["sets", "distances", "maps", "roles"])
def test_a_link_to_a_set_that_is_not_here_says_so(page: str, make_set: MakeSet) -> None:
    name = make_set()
    said = "The set that the link names is not on this machine."
    assert said in texts_of(open_page(page, set="f" * 12))
    assert said not in texts_of(open_page(page, set=name[:6]))
    assert said not in texts_of(open_page(page))


def test_solutions_whose_ids_begin_alike_are_told_apart_in_a_map(make_set: MakeSet) -> None:
    names = [make_set(), make_set(seed=1)]
    app = open_page("maps")
    app.multiselect(key="chosen_sets").set_value(names).run()
    (picker,) = [w for w in app.multiselect if str(w.key).startswith("named-")]
    ids = [sets.read(sets.find(name)).solutions[0].record.id for name in names]
    assert ids[0][:6] == ids[1][:6]
    picker.set_value(ids).run()
    assert not app.exception and not app.error
    shown = next(d.value for d in app.dataframe if d.value.shape == (2, 2))
    assert len(set(shown.columns)) == 2 and list(shown.columns) == list(shown.index)


def test_every_text_that_is_typed_becomes_part_of_the_set(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"The heron waits {k} hours." for k in range(201)]
    typed = pd.DataFrame({"context": [""] * 201, "text": texts}, dtype="string")
    monkeypatch.setattr("streamlit.data_editor", lambda *_, **__: typed)
    monkeypatch.setattr("explorer.estimates.outlook.QUICK_SECONDS", float("inf"))
    app = open_page("sets", tiny_llama_folder)
    app.segmented_control(key="set_what").set_value("My own choice").run()
    app.button(key="set_start").click().run()
    (job,) = client.jobs()
    assert isinstance(job.spec, SolveSetSpec)
    assert [text.text for text in job.spec.texts] == texts
