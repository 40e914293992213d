"""Paper vs here: empty, with sets, paths and runs, and with damaged files, without a worker."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from explorer.assets import catalog
from explorer.base import folders
from explorer.cli.main import parser
from explorer.experiments import paper, paper_comparison, runs
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.runs import Done, Header
from explorer.geometry import distance_report, measure_distances
from explorer.jobs import client
from explorer.paths import places
from explorer.paths.header import PathsHeader, SolutionInfo, TextInfo
from explorer.paths.result import FILE, Paths
from explorer.runtime import step_times
from explorer.runtime.step_times import StepTime
from explorer.solutions import sets
from explorer.specs.curves import PathRecipe
from explorer.specs.jobs import ExperimentSpec
from tests.pages.driving import open_page, texts_of

pytestmark = pytest.mark.usefixtures("without_shipped", "letters")

MakeSet = Callable[..., str]


def answers(app: AppTest) -> pd.DataFrame:
    """Return what the page says of F1 to F10, by id."""
    found: pd.DataFrame = app.table[0].value.set_index("id")
    return found


@pytest.fixture
def connected() -> str:
    """A pair of each of six texts: the line fails, the curve holds."""
    header = PathsHeader(
        model="a/tiny",
        fingerprint="f" * 64,
        arrangement="e+mN",
        kind="bezier",
        recipe=PathRecipe(points=5),
        texts=[TextInfo(text=f"heron {t}", target_ids=[1, 2]) for t in range(6)],
        solutions=[SolutionInfo(id=str(k), seed=k, text=k // 2) for k in range(12)],
        pairs=[(2 * t, 2 * t + 1) for t in range(6)],
    )
    found = Paths.empty(header, np.random.default_rng(0).normal(size=(12, 6)).astype(np.float32))
    found.line.accuracy[:], found.curve.accuracy[:] = 0.5, 1
    found.steps[:], found.over[:] = 10, True
    found.save(places.folder_of("b1a2") / FILE)
    return "b1a2"


def test_without_anything_every_answer_is_not_run() -> None:
    app = open_page("paper")
    assert not app.exception and not app.warning
    table = answers(app)
    assert list(table.index) == [f"F{k}" for k in range(1, 11)]
    assert set(table["here"]) == {paper_comparison.NOT_RUN} and set(table["our evidence"]) == {""}


def test_what_would_decide_is_a_command_to_copy(make_set: MakeSet) -> None:
    make_set(contexts=4, restarts=4)
    codes = [code.value for code in open_page("paper").code]
    (deciding,) = [code for code in codes if "solve-set" in code]
    assert "--contexts 20" in deciding and "--model" in deciding
    assert not [code for code in codes if code.startswith("python -m explorer paths")]


def test_sets_and_paths_answer_f8_to_f10(make_set: MakeSet, connected: str) -> None:
    name = make_set(contexts=4, restarts=4)
    table = answers(open_page("paper"))
    assert table.loc["F8", "here"] == paper_comparison.ANSWERS[True]
    assert table.loc["F9", "here"] == paper_comparison.ANSWERS[None]
    assert table.loc["F10", "here"] == paper_comparison.ANSWERS[True]
    assert table.loc["F8", "from"] == f"tiny, set {name[:6]}"
    assert table.loc["F10", "from"] == f"tiny, paths {connected}"
    found = sets.read(sets.find(name))
    report = measure_distances.make(found)
    distance_report.save(found, report)
    both = next(m for m in report.summary.measured if m.vector == "both")
    figure = answers(open_page("paper")).loc["F8", "our evidence"]
    assert f"{both.medians['same text']:.3f} same text" in figure
    assert f"p = {both.comparisons[0].p}" in figure


def test_the_pages_of_sets_and_paths_say_their_findings(make_set: MakeSet, connected: str) -> None:
    found = sets.read(sets.find(make_set(contexts=4, restarts=4)))
    distance_report.save(found, measure_distances.make(found))
    distances = open_page("distances")
    assert not distances.exception and "what is shown here" in texts_of(distances)
    ships = folders.recorded() / "paths" / "1-made" / FILE
    ships.parent.mkdir(parents=True)
    ships.write_bytes((places.folder_of(connected) / FILE).read_bytes())
    paths = open_page("paths")
    assert not paths.exception and "Bezier curve for 6 (100%" in texts_of(paths)


def test_a_column_is_filled_by_one_press_where_the_model_is_here(tiny_llama_folder: Path) -> None:
    app = open_page("paper", tiny_llama_folder)
    app.selectbox(key="fill-experiment").set_value("arrangements").run()
    starts = [app.button(key=f"fill-start-{k}") for k in range(7)]
    assert [button.disabled for button in starts] == [True] * 6 + [False]
    assert "not downloaded yet" in starts[0].help
    commands = [code.value for code in app.code]
    assert len(commands) == len(starts)  # the paper's six models, and the chosen one
    for command, model in zip(commands, paper.PAPER_MODELS, strict=False):
        expected = f"run arrangements --model {model.hub} --preset paper"
        assert command == f"python -m explorer {expected}"
        parsed = parser().parse_args(expected.split())
        assert (parsed.experiment, *parsed.model, parsed.preset) == tuple(expected.split()[1::2])
    app.selectbox(key="fill-experiment").set_value("training-time").run()
    app.button(key="fill-start-6").click().run()
    assert not app.exception
    (job,) = client.jobs()
    assert isinstance(job.spec, ExperimentSpec) and job.spec.preset == "paper"
    card = catalog.find(str(tiny_llama_folder))
    assert job.spec.settings == EXPERIMENTS["training-time"].preset("paper", card)
    (link,) = app.get("link_button")
    assert link.proto.url == f"./training_time?job={job.id}"


def test_a_run_that_is_measured_here_is_said_to_be(tiny_llama_folder: Path) -> None:
    asked, card = EXPERIMENTS["training-time"], catalog.find(str(tiny_llama_folder))
    open_ = asked.preset("minutes", card)
    settings = open_.model_copy(update={"arrangement": "e+mN"})  # as the run settles it
    now = "2026-01-02T03:04:05+00:00"
    header = Header(
        id="a" * 12, settings=settings, preset="minutes", fingerprint="f" * 64, d_model=4,
        rotary=True, device="CPU", created=now,
    )  # fmt: skip
    cell = asked.cells(settings)[0]
    row = {"n": cell.at["n"], "text": 0, "restart": 0, "exact": True, "steps": 9}
    done = Done(key=cell.key, rows=[row | {"text_seconds": 1.0}], seconds=1, finished=now)
    runs.append(runs.save_header(header), done)
    app = open_page("paper", tiny_llama_folder)
    app.selectbox(key="fill-experiment").set_value("training-time").run()
    left = len(asked.cells(settings)) - 1
    said = f"Measured here: 1 cell, {left} left."
    assert said not in texts_of(app)  # of the paper's size nothing is measured
    app.segmented_control(key="fill-size").set_value("minutes").run()
    assert not app.exception and said in texts_of(app)


def test_a_long_start_of_a_column_is_asked_about_first(tiny_llama_folder: Path) -> None:
    app = open_page("paper", tiny_llama_folder)
    step_times.keep(StepTime(model=str(tiny_llama_folder), precision="auto", token_seconds=1.0))
    app.segmented_control(key="fill-size").set_value("minutes").run()
    assert app.button(key="fill-start-6").label == "Start anyway"
    assert "This takes long" in texts_of(app)
    app.button(key="fill-start-6").click().run()
    assert len(client.jobs()) == 1
    step_times.keep(StepTime(model=str(tiny_llama_folder), precision="auto", token_seconds=1e-9))
    app.segmented_control(key="fill-size").set_value("evening").run()
    assert app.button(key="fill-start-6").label == "Start"
    assert "This takes long" not in texts_of(app)


@pytest.mark.parametrize("page", ["paper", "throughput", "sets"])
def test_a_timed_step_is_used_wherever_time_is_estimated(
    page: str, tiny_llama_folder: Path
) -> None:
    app = open_page(page, tiny_llama_folder)
    assert "a step timed on this machine" not in texts_of(app)
    assert page == "paper" or [b for b in app.button if b.label == "Time a step first"]
    step_times.keep(StepTime(model=str(tiny_llama_folder), precision="auto", token_seconds=1e-6))
    app = open_page(page, tiny_llama_folder)
    assert not app.exception and "a step timed on this machine" in texts_of(app)
    assert not [b for b in app.button if b.label == "Time a step first"]


def test_runs_stand_beside_the_papers_numbers() -> None:
    made = {
        "sharing": [
            {"shared": "m", "s_g": 4, "group": 0, "text": k, "restart": r,
             "accuracy": (k + r) / 8, "exact": False, "steps": 9}
            for k in range(4) for r in range(2)
        ],
        "throughput": [
            {"n": 10, "side": side, "repeat": r, "seconds": s}
            for side, s in (("one forward", 0.1), ("autoregressive", 1.0)) for r in range(3)
        ],
        "training-time": [
            {"n": n, "text": k, "restart": 0, "exact": True, "steps": n, "text_seconds": n / 4}
            for n in (8, 16, 32) for k in range(6)
        ],
    }  # fmt: skip
    for number, (name, rows) in enumerate(made.items()):
        settings = EXPERIMENTS[name].make({"model": "a/tiny"})
        now = "2026-01-02T03:04:05+00:00"
        header = Header(
            id=str(number) * 12,
            settings=settings,
            fingerprint="f" * 64,
            d_model=4,
            rotary=True,
            device="CPU",
            created=now,
        )
        folder = runs.save_header(header)
        key = EXPERIMENTS[name].cells(settings)[0].key
        runs.append(folder, Done(key=key, rows=rows, seconds=1, finished=now))
    app = open_page("paper")
    assert not app.exception and not app.error
    tables = {d.value.columns[0]: d.value for d in app.dataframe}
    shared = tables["shared"].set_index(["shared", "S_g"])
    assert shared.loc[("m", 4), "best restart, here"] == "0.31 ± 0.14"
    assert shared.loc[("m", 256), "all restarts, paper"] == "0.83 ± 0.18"
    assert list(tables["what"]["here"][:2]) == ["10.0 (N = 10 to 10)", "10.0 (N = 10)"]
    assert list(tables["N"]["seconds"]) == [2, 4, 8]
    words = texts_of(app)
    for expected in ("Slope over N of seconds 1.00", "16 texts, not 256 texts"):
        assert expected in words
    more = app.table[1].value.set_index("id")
    assert more.loc["E11", "here"] == paper_comparison.ANSWERS[True]


def test_damaged_sets_paths_and_solutions_are_sentences(make_set: MakeSet, connected: str) -> None:
    (places.folder_of(connected) / FILE).write_bytes(b"damaged")
    whole, broken, headless = (sets.find(make_set(seed=seed)) for seed in range(3))
    next(broken.glob("*.safetensors")).write_bytes(b"damaged")
    (headless / sets.SET_FILE).write_text("{")
    app = open_page("paper")
    assert not app.exception and len(app.warning) == 3
    assert set(answers(app).loc[["F8"], "from"]) == {f"tiny, set {whole.name[:6]}"}
    assert answers(app).loc["F10", "here"] == paper_comparison.NOT_RUN
