"""What is on the page of a run is whole: its form, its target, how it was laid out, the gallery."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer.base import folders
from explorer.base.database import JobRow, transaction
from explorer.jobs import client
from explorer.landscape.result import LANDSCAPES, Landscape
from explorer.paths import places
from explorer.people import assignment
from explorer.solutions import store
from explorer.specs.arrangements import ARRANGEMENTS
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import INDEPENDENT
from explorer.texts import gallery
from tests.pages.driving import carry_out, open_page, texts_of
from widgets import cached
from widgets.markdown import escaped

TEXT = "fog on the weir, and more words than a link may hold " * 12


@pytest.fixture(scope="module")
def long_spec(tiny_llama_folder: Path) -> ReconstructSpec:
    recipe = INDEPENDENT.model_copy(update={"max_steps": 3, "warmup_steps": 1})
    return ReconstructSpec(
        model=str(tiny_llama_folder), text=TEXT, length=5, arrangement="alternating",
        recipe=recipe, restarts=2, seed=11, until="all",
    )  # fmt: skip


def field(app: AppTest, label: str) -> Any:
    return next(each for each in app.number_input if each.label == label)


def strips(app: AppTest) -> list[dict[str, Any]]:
    shown = [json.loads(part.proto.json) for part in app.get("bidi_component") if part.proto.json]
    return [data for data in shown if "targets" in data]


def test_the_link_of_a_run_fills_the_form_in(long_spec: ReconstructSpec) -> None:
    assert len(TEXT) > assignment.MOST_LETTERS
    app = open_page(job=client.submit(long_spec))
    assert not app.exception
    assert app.text_area(key="own_text").value == TEXT
    assert app.text_input(key="other_model").value == long_spec.model
    assert field(app, "N, target tokens").value == 5
    assert (field(app, "Restarts").value, field(app, "First seed").value) == (2, 11)
    assert app.toggle(key="until").value is False
    assert app.selectbox(key="arrangement").value == "alternating"
    app.button(key="start").click().run()
    again = client.jobs()[0].spec
    assert isinstance(again, ReconstructSpec)
    said = again.model_dump(exclude={"recipe", "title"})
    assert said == long_spec.model_dump(exclude={"recipe", "title"})
    assert again.recipe.settings == long_spec.recipe.settings


def test_a_run_whose_job_is_gone_and_a_solution_fill_it_in_with_what_they_know(
    long_spec: ReconstructSpec,
) -> None:
    job = carry_out(long_spec)
    folder = store.run_folder(job)
    solution = store.siblings(folder / store.RECORDING)[0].record
    with transaction() as session:
        session.delete(session.get(JobRow, job))
    for link in ({"job": job}, {"solution": solution.id}):
        app = open_page(**link)
        assert not app.exception
        assert app.text_area(key="own_text").value == solution.text
        assert field(app, "N, target tokens").value == 5
        assert app.selectbox(key="arrangement").value == "alternating"


def test_the_form_of_a_visit_stays_when_its_run_begins(tiny_llama_folder: Path) -> None:
    app = open_page(None, tiny_llama_folder)
    app.text_area(key="own_text").set_value("heron and fog").run()
    field(app, "Restarts").set_value(3).run()
    app.button(key="start").click().run()
    assert app.query_params["job"] and not app.exception
    assert app.text_area(key="own_text").value == "heron and fog"
    assert field(app, "Restarts").value == 3


def test_what_is_left_out_is_said_and_taken_with_a_button(tiny_llama_folder: Path) -> None:
    app = open_page(None, tiny_llama_folder)
    app.text_area(key="own_text").set_value("heron").run()
    most = int(field(app, "N, target tokens").max)
    field(app, "N, target tokens").set_value(most - 1).run()
    (button,) = [b for b in app.button if b.key == "length-all"]
    assert button.label == f"1 token is left out: take all {most}"
    button.click().run()
    assert field(app, "N, target tokens").value == most
    assert not [b for b in app.button if b.key == "length-all"]


def test_how_it_works_is_drawn_as_the_run_that_is_shown() -> None:
    for name, example in gallery.examples().items():
        if not (folders.recorded() / "reconstruct" / name).exists():
            continue
        app = open_page(recorded=example.title)
        assert not app.exception
        said = texts_of(app)
        assert ARRANGEMENTS[example.arrangement].sentence in said
        assert "576 numbers" in said and "**Frozen**" in said and "**token**" in said


def test_every_run_of_the_gallery_has_its_line_and_its_target() -> None:
    shipped = {folder.name for folder in store.shipped_runs()}
    listed = {name: each for name, each in gallery.examples().items() if name in shipped}
    assert shipped == set(listed)
    app = open_page()
    (pills,) = [group for group in app.button_group if group.key == "recorded"]
    assert list(pills.options) == [each.title for each in listed.values()]
    for name, example in listed.items():
        next(g for g in app.button_group if g.key == "recorded").set_value(name).run()
        assert not app.exception
        assert escaped(example.shows) in texts_of(app)
        (strip,) = [data for data in strips(app) if data["mode"] == "play"]
        assert strip["whole"]  # the target above it, a legend below it


def test_a_playback_ends_where_the_chosen_restart_does() -> None:
    app = open_page()
    solutions = store.siblings(store.shipped_runs()[0] / store.RECORDING)
    for solution in solutions:
        control = next(g for g in app.button_group if str(g.key).startswith("restarts-"))
        control.set_value(str(solution.record.seed)).run()
        (strip,) = [data for data in strips(app) if data["mode"] == "play"]
        assert strip["steps"][-1] == solution.record.steps
        assert strip["steps"].count(solution.record.steps) == 1


def test_start_stands_before_what_few_people_change(tiny_llama_folder: Path) -> None:
    app = open_page(None, tiny_llama_folder)
    keys = [str(getattr(e, "key", "")) for e in app.main]
    assert keys.index("start") < keys.index("seed")


def test_the_boxes_above_a_landscape_name_the_pair_whose_plane_is_shown() -> None:
    (plane,) = LANDSCAPES.shipped()
    ends = {end.id for end in Landscape.load(plane).header.ends}
    chosen, pair = (box.value for box in open_page("landscape").selectbox[:2])
    header = cached.paths(places.find_paths(chosen)).header
    assert {header.solutions[i].id for i in header.pairs[pair]} == ends


def test_solutions_in_a_list_are_told_apart_and_two_seeds_are_offered_to_connect() -> None:
    here, there = open_page("paths").selectbox[:2]
    assert len(set(here.options)) == len(here.options) > 100
    seeds = [re.match(r"seed (\d+)", box.format_func(box.value)) for box in (here, there)]
    assert all(seeds) and len({found[1] for found in seeds if found}) == 2
