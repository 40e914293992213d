"""The pages Paths and Landscape in their empty, populated and error state, without a worker."""

import subprocess
import sys
import textwrap
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from explorer.base import folders
from explorer.jobs import client
from explorer.paths import places
from explorer.paths.result import FILE, Paths
from explorer.specs.curves import PathRecipe
from explorer.specs.jobs import LandscapeSpec, PathsSpec, RadiusSpec, ReconstructSpec
from explorer.specs.recipes import FAST
from tests.pages.driving import APP, carry_out, followed, open_page, texts_of
from tests.steps import exhaust
from widgets import choice, landscape_view

pytestmark = pytest.mark.usefixtures("without_shipped")

QUICK = PathRecipe(max_steps=10, finish_steps=0, points=5, look_every=5, precision="float32")


@pytest.fixture
def connected(solution_files: list[Path]) -> str:
    ids = [file.stem for file in solution_files]
    return carry_out(PathsSpec(pairs=((ids[0], ids[1]), (ids[0], ids[2])), recipe=QUICK))


@pytest.mark.parametrize("page", ["paths", "landscape"])
def test_an_empty_store_says_what_to_do_first(page: str) -> None:
    app = open_page(page)
    assert not app.exception
    assert app.error and all("Reconstruct" in e.value or "Paths" in e.value for e in app.error)


def test_a_link_preselects_two_solutions_and_connect_queues_them(
    solution_files: list[Path],
) -> None:
    a, b = solution_files[2].stem, solution_files[0].stem
    app = open_page("paths", a=a, b=b)
    assert not app.exception and not app.error
    app.number_input(key="path-steps").set_value(700).run()
    app.number_input(key="path-attempts").set_value(3).run()
    app.button(key="connect").click().run()
    (job,) = client.jobs()
    assert isinstance(job.spec, PathsSpec)
    assert job.spec.pairs == ((a, b),) and job.spec.recipe.max_steps == 700
    assert job.spec.recipe.attempts == 3
    assert app.query_params["job"] in (job.id, [job.id])
    assert "a" not in app.query_params


def test_curves_that_take_long_are_asked_about_first(
    solution_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.estimates.outlook.QUICK_SECONDS", 0.0)
    app = open_page("paths", a=solution_files[2].stem, b=solution_files[0].stem)
    assert "This takes long: usually about " in texts_of(app)
    start = app.button(key="connect")
    assert start.label == "Start anyway" and not client.jobs()
    start.click().run()
    assert not app.exception and len(client.jobs()) == 1


@pytest.mark.parametrize(
    ("b", "said"), [(3, "different texts"), (0, "same solution"), (None, "no solution")]
)
def test_ends_that_make_no_path_are_a_sentence(
    solution_files: list[Path], b: int | None, said: str
) -> None:
    other = "nobody" if b is None else solution_files[b].stem
    app = open_page("paths", a=solution_files[0].stem, b=other)
    assert not app.exception
    assert any(said in error.value for error in app.error)
    assert "Connect" not in [button.label for button in app.button]


def test_all_pairs_of_a_text_are_queued_at_once(solution_files: list[Path]) -> None:
    app = open_page("paths")
    app.radio(key="path-way").set_value("All pairs").run()
    app.multiselect(key="path-texts").set_value([0, 1]).run()
    assert "4 pairs" in texts_of(app)
    app.button(key="connect").click().run()
    (job,) = client.jobs()
    assert isinstance(job.spec, PathsSpec) and len(job.spec.pairs) == 4
    assert not app.exception


def test_a_finished_job_shows_what_its_file_says(connected: str) -> None:
    app = open_page("paths", job=connected)
    assert not app.exception and not app.error
    found = Paths.load(places.folder_of(connected) / FILE)
    shown = {metric.label: metric.value for metric in app.metric}
    pair = max(range(2), key=lambda k: (found.connected[k], found.mean(k)))
    assert shown["Connected pairs"] == f"{found.connected.sum()} of 2"
    assert shown["Median curve length ÷ chord"] == f"{(found.ratio(0) + found.ratio(1)) / 2:.2f}"
    assert shown["Curve length ÷ chord"] == f"{found.ratio(pair):.3f}"
    assert shown["Lowest accuracy, curve"] == f"{found.curve.accuracy[pair].min():.0%}"
    assert shown["Mean accuracy, line"] == f"{found.mean(pair, line=True):.1%}"


def test_while_two_ends_are_trained_the_page_shows_what_they_say(tiny_llama_folder: Path) -> None:
    from explorer.model.pool import ModelPool
    from explorer.worker.context import JobContext
    from explorer.worker.runners import run

    recipe = FAST.model_copy(update={"max_steps": 30, "precision": "float32"})
    train = ReconstructSpec(
        model=str(tiny_llama_folder),
        text="The heron waits",
        length=3,
        arrangement="e+mN",
        recipe=recipe,
        restarts=2,
    )
    spec = PathsSpec(train=train, recipe=QUICK)
    job = JobContext(client.submit(spec), spec, ModelPool())
    steps = run(job)
    exhaust(islice(steps, 12))
    app = open_page("paths", job=job.id)
    assert not app.exception
    assert "The two ends are trained first" in texts_of(app)
    (restarts,) = [w for w in app.segmented_control if w.key == f"restarts-{job.id}"]
    assert restarts.options == ["Best", "seed 0", "seed 1", "All"]
    assert followed(app, job.id)["parts"] == ["strip"]
    steps.close()


def test_what_ships_opens_at_once(
    connected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = carry_out(LandscapeSpec(paths=connected, level=3))
    for kind, job, file in (("paths", connected, FILE), ("landscape", plane, places.LANDSCAPE)):
        folder = folders.recorded() / kind / "1-made"
        folder.mkdir(parents=True)
        (folder / file).write_bytes((places.folder_of(job) / file).read_bytes())
    monkeypatch.setenv("EXPLORER_CACHE", str(tmp_path / "another"))
    for page, label in (("paths", "Curve length ÷ chord"), ("landscape", "Points per second")):
        app = open_page(page)
        assert not app.exception
        assert label in [metric.label for metric in app.metric]
        assert any("recorded" in str(m.value).lower() for m in app.markdown)


def test_a_landscape_shows_the_point_the_sliders_name(connected: str) -> None:
    from explorer.landscape.result import Landscape

    plane = carry_out(LandscapeSpec(paths=connected, level=3))
    found = Landscape.load(places.folder_of(plane) / places.LANDSCAPE)
    app = open_page("landscape", job=plane)
    assert not app.exception and not app.error
    column = int(np.argmin(np.abs(found.x)))
    app.select_slider(key=f"column-{plane}").set_value(column).run()
    assert not app.exception
    row = int(np.argmin(np.abs(found.y)))
    assert found.accuracy[row, column] == 1
    assert "accuracy 100%, loss" in texts_of(app)
    app.segmented_control(key=f"of-{plane}").set_value("loss").run()
    assert not app.exception


def test_measure_queues_the_pair_that_a_link_names(connected: str) -> None:
    app = open_page("landscape", paths=connected, pair="1")
    assert not app.exception
    app.button(key="measure").click().run()
    spec = client.jobs()[0].spec
    assert isinstance(spec, LandscapeSpec)
    assert (spec.paths, spec.pair, spec.level) == (connected, 1, 5)
    assert [box.value for box in app.selectbox][:2] == [connected, 1]  # nor is it lost by Measure
    app.button(key="measure-radius").click().run()
    assert isinstance(client.jobs()[0].spec, RadiusSpec)
    assert not app.exception


def test_a_walk_is_followed_as_soon_as_it_is_asked_for(solution_files: list[Path]) -> None:
    app = open_page("landscape")
    app.button(key="measure-radius").click().run()
    assert not app.exception
    (job,) = client.jobs()
    assert followed(app, job.id)


def test_what_reads_alike_is_told_apart(solution_files: list[Path]) -> None:
    a, b, c = (file.stem for file in solution_files[:3])
    jobs = [carry_out(PathsSpec(pairs=(pair,), recipe=QUICK)) for pair in ((a, b), (a, c))]
    for job in jobs:
        app = open_page("landscape", paths=job, pair="0")
        assert len(set(app.selectbox[0].options)) == 2
        app.button(key="measure").click().run()
        spec = client.jobs()[0].spec
        assert isinstance(spec, LandscapeSpec) and spec.paths == job


def test_as_much_of_an_id_is_said_as_tells_options_apart() -> None:
    ids = ["aaaaaabb-1", "aaaaaabb-2", "cccccccc-1", "dddddddd-1"]
    names = dict(zip(ids, ("one", "one", "one", "another"), strict=True))
    called = choice.told_apart(names)
    assert [*called.values()] == [
        "one · aaaaaabb-1",
        "one · aaaaaabb-2",
        "one · cccccc",
        "another",
    ]
    ends = choice.told_apart({0: "seeds", 1: "seeds"}, lambda k: (ids[0], ids[2 + k]))
    assert [*ends.values()] == ["seeds · aaaaaa · cccccc", "seeds · aaaaaa · dddddd"]


def test_a_small_plane_has_a_place_of_its_own_on_a_slider() -> None:
    assert landscape_view._decimals(np.array([-0.004, 0, 0.004])) == ["-0.004", "0.000", "0.004"]
    assert landscape_view._decimals(np.linspace(0, 2, 3)) == ["0.00", "1.00", "2.00"]


def test_a_radius_is_shown(solution_files: list[Path]) -> None:
    job = carry_out(RadiusSpec(solution=solution_files[0].stem, directions=3, points=5))
    app = open_page("landscape", radius=job)
    assert not app.exception
    assert "Median radius" in [metric.label for metric in app.metric]


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("paths", {"job": "nope"}),
        ("paths", {"record": "../../etc"}),
        ("landscape", {"job": "<b>"}),
        ("landscape", {"radius": "x"}),
        ("landscape", {"paths": "nope", "pair": "-1"}),
    ],
)
def test_dead_links_are_sentences(page: str, query: dict[str, str], connected: str) -> None:
    app = open_page(page, **query)
    assert not app.exception


def test_a_damaged_file_is_a_sentence(connected: str) -> None:
    (places.folder_of(connected) / FILE).write_bytes(b"damaged")
    app = open_page("paths", job=connected)
    assert not app.exception
    assert any("make it again" in error.value for error in app.error)


def test_jobs_under_way_show_their_sentence(solution_files: list[Path]) -> None:
    ids = [file.stem for file in solution_files]
    job = client.submit(PathsSpec(pairs=((ids[0], ids[1]),)))
    app = open_page("paths", job=job)
    assert not app.exception
    app.button(key=f"stop-{job}").click().run()
    assert client.get(job).state == "stopped"
    library = open_page("library")
    assert not library.exception


@pytest.mark.end_to_end
def test_both_pages_stay_free_of_torch(solution_files: list[Path]) -> None:
    code = f"""
    import sys
    from streamlit.testing.v1 import AppTest
    app = AppTest.from_file({APP!r}, default_timeout=60).run()
    for page in ("paths", "landscape"):
        app.switch_page(f"pages/{{page}}.py").run()
        assert not app.exception, app.exception
    heavy = {{"torch", "transformers"}} & set(sys.modules)
    assert not heavy, heavy
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=folders.PROJECT,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]


def test_a_file_of_paths_that_is_damaged_hides_no_others(connected: str) -> None:
    damaged = places.folder_of("damaged") / FILE
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"damaged")
    app = open_page("landscape")
    assert not app.exception and not app.error
    assert any("damaged" in warning.value for warning in app.warning)
    app.button(key="measure").click().run()
    (spec,) = [job.spec for job in client.jobs() if isinstance(job.spec, LandscapeSpec)]
    assert spec.paths == connected


def test_a_link_to_paths_that_are_not_here_says_so(connected: str) -> None:
    said = "The paths that the link names are not on this machine."
    assert said in texts_of(open_page("landscape", paths="f" * 10))
    assert said not in texts_of(open_page("landscape", paths=connected))
    assert said not in texts_of(open_page("landscape"))
