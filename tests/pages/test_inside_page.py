"""The page Inside: empty, with a look at it, while it is made, and with bad input."""

import os
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from explorer.base import folders
from explorer.geometry import depth, distance_report, measure_distances
from explorer.inside.result import FILE, Inside, folder_of
from explorer.jobs import client
from explorer.solutions import sets
from explorer.specs.jobs import DepthSpec, InsideSpec
from tests.pages.driving import carry_out, open_page, texts_of

VIEWS = ("Through the layers", "Where positions look", "What is needed", "Is it understood?")


@pytest.fixture
def looked(without_shipped: None, solution_files: list[Path]) -> str:
    return carry_out(InsideSpec(solution=solution_files[0].stem, write=True, tokens=2))


def test_an_empty_store_says_what_to_do_first(without_shipped: None) -> None:
    app = open_page("inside")
    assert not app.exception
    assert any("Reconstruct" in e.value for e in app.error)
    assert "Choose a solution" in texts_of(app)


def test_a_link_preselects_and_the_button_queues(
    without_shipped: None, solution_files: list[Path]
) -> None:
    chosen = solution_files[3].stem
    app = open_page("inside", solution=chosen)
    assert not app.exception and "Press Look inside" in texts_of(app)
    app.number_input(key="inside-depths").set_value(3).run()
    app.text_input(key="inside-other").set_value(solution_files[4].stem).run()
    app.button(key="look-inside").click().run()
    (job,) = client.jobs()
    assert job.spec == InsideSpec(solution=chosen, other=solution_files[4].stem, depths=3)
    assert app.query_params["job"] in (job.id, [job.id])
    assert "solution" not in app.query_params


def test_every_view_shows_its_charts_and_numbers(looked: str) -> None:
    app = open_page("inside", job=looked)
    assert not app.exception and not app.error
    found = Inside.load(folder_of(looked) / FILE)
    said = texts_of(app)
    assert found.header.text.text in said and "correct after the last layer" in said
    for view in VIEWS:
        app.segmented_control(key=f"view-{looked}").set_value(view).run()
        assert not app.exception, view
    assert found.header.writings[0].text in app.dataframe[0].value["text"].tolist()
    app.segmented_control(key=f"view-{looked}").set_value(VIEWS[1]).run()
    app.selectbox(key=f"head-{looked}").set_value(2).run()
    app.slider(key=f"layer-{looked}").set_value(1).run()
    assert not app.exception and not app.error
    app.segmented_control(key=f"view-{looked}").set_value(VIEWS[2]).run()
    assert "This e with the m of" in texts_of(app)
    assert "% of the other text" in texts_of(app)


def test_a_solution_that_was_looked_into_shows_that(looked: str) -> None:
    spec = client.get(looked).spec
    assert isinstance(spec, InsideSpec)
    app = open_page("inside", solution=spec.solution)
    assert not app.exception and "correct after the last layer" in texts_of(app)


def test_the_model_can_be_made_to_write_afterwards(
    without_shipped: None, solution_files: list[Path]
) -> None:
    spec = InsideSpec(
        solution=solution_files[0].stem,
        other=solution_files[1].stem,
        depths=1,
        draws=3,
        seed=4,
    )
    job = carry_out(spec)
    app = open_page("inside", job=job)
    app.segmented_control(key=f"view-{job}").set_value(VIEWS[3]).run()
    app.button(key=f"write-{job}").click().run()
    newest = next(j for j in client.jobs() if j.id != job)
    assert newest.spec == spec.model_copy(update={"write": True})


def test_a_look_that_was_stopped_gives_way_to_a_whole_one_and_says_so(looked: str) -> None:
    file = folder_of(looked) / FILE
    found = Inside.load(file)
    nothing = {name: getattr(found, name)[:0] for name in Inside.__annotations__ if "trial" in name}
    header = found.header.model_copy(update={"trials": [], "writings": []})
    folder = folders.make(folder_of("stopped"))
    replace(found, header=header, **nothing).save(folder / FILE)
    os.utime(file, (0, 0))  # the older one
    app = open_page("inside", solution=found.header.solution)
    app.segmented_control(key=f"view-solution-{looked}").set_value(VIEWS[2]).run()
    assert not app.exception and "stopped" not in texts_of(app)
    file.unlink()
    app = open_page("inside", solution=found.header.solution)
    app.segmented_control(key="view-solution-stopped").set_value(VIEWS[2]).run()
    assert not app.exception and "stopped before anything was changed" in texts_of(app)


def test_a_look_under_way_shows_the_layers_as_soon_as_they_are_there(
    without_shipped: None, solution_files: list[Path]
) -> None:
    from explorer.model.pool import ModelPool
    from explorer.solutions import store
    from explorer.tasks.inside.looking import InsideTask

    spec = InsideSpec(solution=solution_files[0].stem)
    job = client.submit(spec)
    solution = store.open_solution(spec.solution)
    steps = InsideTask(solution, spec, ModelPool(), folders.make(folder_of(job)), job).steps()
    app = open_page("inside", job=job)
    assert not app.exception
    before = len(app.get("plotly_chart"))
    list(islice(steps, 3))
    app = open_page("inside", job=job)
    assert not app.exception and len(app.get("plotly_chart")) > before
    steps.close()


def test_what_ships_opens_at_once(
    looked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folders.recorded() / "inside" / "1-made"
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes((folder_of(looked) / FILE).read_bytes())
    monkeypatch.setenv("EXPLORER_CACHE", str(tmp_path / "another"))
    app = open_page("inside")
    assert not app.exception
    assert "correct after the last layer" in texts_of(app)
    assert any("recorded" in str(m.value).lower() for m in app.markdown)


def test_a_run_links_to_a_look_inside_its_best_solution() -> None:
    solution = "3873ae1ed8eb-062dfa4f"  # ships with the project
    app = open_page("reconstruct", solution=solution)
    assert not app.exception
    (link,) = [b.proto.url for b in app.get("link_button") if "inside" in b.proto.url]
    run = {file.stem for file in (folders.recorded() / "reconstruct").glob("3-*/*.safetensors")}
    assert link.removeprefix("./inside?solution=") in run


def test_the_example_opens_with_its_solution_chosen() -> None:
    app = open_page("inside")
    assert not app.exception and not app.error
    (chosen,) = [box for box in app.selectbox if str(box.key).startswith("inside-of")]
    assert chosen.value == "3873ae1ed8eb-062dfa4f"
    assert "32 of 32 tokens are correct after the last layer (30)" in texts_of(app)


def test_distances_of_a_set_are_shown_by_layer() -> None:
    app = open_page("distances", set="131d0d8231dc")  # ships with the project
    assert not app.exception and not app.error
    assert "Where m stands (mean): same text against same context, AUC 0.54 after layer 1" in (
        texts_of(app)
    )
    app.segmented_control(key="depth-place").set_value("e").run()
    assert not app.exception


def test_of_a_set_without_m_two_places_are_shown(
    without_shipped: None, make_set: Callable[..., str]
) -> None:
    name = make_set(arrangement="e")
    found = sets.read(sets.find(name))
    distance_report.save(found, measure_distances.make(found))
    states = np.random.default_rng(0).normal(size=(2, 3, len(found.solutions), 4))
    states[:, 1] = np.nan
    places: tuple[depth.Place, ...] = ("e", "last")
    rows = [
        depth.AtDepth(place=place, layer=layer, medians={}, comparisons=[])
        for layer in range(2)
        for place in places
    ]
    depth.REPORTS.save(found.record, depth.report(found, rows, states.astype(np.float32)))
    app = open_page("distances", set=name)
    assert not app.exception and not app.error
    assert len(app.segmented_control(key="depth-place").options) == 2
    (link,) = [b.proto.url for b in app.get("link_button") if "space" in b.proto.url]
    assert "e+stands" in link


def test_what_e_and_m_carry_opens_recorded() -> None:
    app = open_page("roles", set="9fc05a49eeb4")  # ships with the project
    assert not app.exception and not app.error
    assert "Meaning read right in held-out texts: e 0.57 (0.45 to 0.69)" in texts_of(app)
    assert any("shared minus free" in d.value.columns for d in app.dataframe)


def test_what_is_found_is_said_in_german() -> None:
    """On what ships with the project: by layer, of e and m, and how long each part took."""
    for page, asked, german, english in (
        ("distances", {"set": "131d0d8231dc"}, "gleicher Text gegen gleichen Kontext", "same text"),
        ("roles", {"set": "9fc05a49eeb4"}, "richtig gelesen: e 0,57 (0,45 bis 0,69)", "read right"),
        ("roles", {"set": "9fc05a49eeb4"}, "für weniger", "for less"),
        ("roles", {"set": "9fc05a49eeb4"}, "Verdopplungen des Rauschens, m minus e", "With noise"),
        ("inside", {}, "Attention abgeschnitten", "attention cut"),
    ):
        app = open_page(page, lang="de", **asked)
        assert not app.exception
        assert german in texts_of(app) and english not in texts_of(app), page


def test_distances_by_layer_are_asked_of_the_worker(
    without_shipped: None, make_set: Callable[..., str]
) -> None:
    name = make_set()
    found = sets.read(sets.find(name))
    distance_report.save(found, measure_distances.make(found))
    app = open_page("distances", set=name)
    assert not app.exception
    app.button(key="measure-depth").click().run()
    assert [job.spec for job in client.jobs()] == [DepthSpec(set=name)]


def test_a_model_of_one_layer_is_looked_into(looked: str) -> None:
    file = folder_of(looked) / FILE
    found = Inside.load(file)
    states = ("predicted", "p", "rank", "top_ids", "top_p", "similarity")
    one = {name: getattr(found, name)[:2] for name in states}
    header = found.header.model_copy(update={"layers": 1})
    layers = {"attention": found.attention[:1], "plain": found.plain[:1]}
    replace(found, header=header, **one, **layers).save(file)
    app = open_page("inside", job=looked)
    for view in VIEWS:
        app.segmented_control(key=f"view-{looked}").set_value(view).run()
        assert not app.exception and not app.error, view
