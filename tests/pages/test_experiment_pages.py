"""Pages of experiments and of the paper: empty, populated, live and in error, without a worker."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest

from explorer.assets import first_position
from explorer.assets.first_position import FirstPosition
from explorer.experiments import runs
from explorer.experiments.arrangements import EXPERIMENT
from explorer.experiments.catalogue import EXPERIMENTS, experiment
from explorer.experiments.nodes import write_nodes
from explorer.experiments.runs import Run
from explorer.jobs import client
from explorer.specs.jobs import ExperimentSpec
from explorer.specs.recipes import FAST
from tests.explorer.experiments.test_capacity import climbed
from tests.pages.driving import carry_out, open_page, texts_of
from tests.steps import exhaust
from widgets.markdown import escaped

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool

pytestmark = pytest.mark.usefixtures("without_shipped")

SMALL = {
    "arrangements": {"lengths": (1, 4), "source": "unseen"},
    "capacity": {"ladder": (1, 4), "sources": ("unseen",), "restarts": 1},
}
"""Fields that make a run a matter of a second, besides model and recipe."""


@pytest.fixture
def run(pool: "ModelPool", tiny_llama_folder: Path) -> Callable[..., Run]:
    from explorer.tasks.experiments.task import RunTask

    def make(name: str = "arrangements") -> Run:
        recipe = FAST.model_copy(update={"max_steps": 5, "precision": "float32"})
        settings = experiment(name).make(
            {"model": str(tiny_llama_folder), "texts": 1, "recipe": recipe, **SMALL[name]}
        )
        task = RunTask(settings, pool)
        exhaust(task.steps())
        return task.run

    return make


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_without_a_run_the_page_says_so(name: str) -> None:
    app = open_page(name.replace("-", "_"))
    assert not app.exception
    assert "This experiment has not been run" in texts_of(app)
    assert app.title[0].value == experiment(name).title
    asked = experiment(name).rules  # said before anything is measured
    assert bool(asked) is (name != "throughput")
    assert all(escaped(rule.question) in texts_of(app) for rule in asked.values())


@pytest.mark.parametrize("name", SMALL)
def test_a_run_is_shown_with_its_protocol_and_findings(name: str, run: Callable[..., Run]) -> None:
    made, asked = run(name), experiment(name)
    app = open_page(name, run=made.header.id)
    assert not app.exception
    assert escaped(asked.sentence(made)) in texts_of(app)
    findings = asked.findings(made)
    assert findings and all(escaped(f.figure) in texts_of(app) for f in findings)
    badges = {m.proto.help for m in app.markdown if "-badge[" in m.value}
    assert badges >= {escaped(f.rule) for f in findings if f.rule}
    assert {tab.label for tab in app.tabs} == {
        title for title, table in asked.tables(made).items() if not table.empty
    }


def test_runs_on_checkpoints_are_shown_over_training() -> None:
    made = [
        climbed({("unseen", "m free"): height}, model=f"org/tiny{revision}")
        for revision, height in (("@step1000", 4), ("@step2000", 11), ("", 11))
    ]
    for k, (one, weights) in enumerate(zip(made, "abb", strict=True)):
        fields = {"id": f"{k:012}", "fingerprint": weights * 64}
        folder = runs.save_header(one.header.model_copy(update=fields))
        for cell in one.done:
            runs.append(folder, cell)
    app = open_page("capacity", run=f"{1:012}")
    assert not app.exception
    assert "Over the model's training" in [part.value for part in app.subheader]
    assert "step2000 and main hold the same weights" in texts_of(app)
    shown = [
        chart.proto.figure.spec if hasattr(chart.proto, "figure") else chart.proto.spec
        for chart in app.get("plotly_chart")
    ]
    assert any(
        "Capacity over training: 4 tokens at step1000, 11 tokens at main" in s for s in shown
    )


def test_start_queues_exactly_what_the_widgets_say(tiny_llama_folder: Path) -> None:
    app = open_page("arrangements", tiny_llama_folder)
    app.text_input(key="arrangements-minutes-lengths").set_value("2, 6").run()
    app.number_input(key="arrangements-minutes-texts").set_value(3).run()
    app.button(key="start-arrangements").click().run()
    assert not app.exception
    (job,) = [job for job in client.jobs() if isinstance(job.spec, ExperimentSpec)]
    assert isinstance(job.spec, ExperimentSpec) and job.spec.preset == "minutes, changed"
    settings = job.spec.settings.model_dump()
    assert (settings["lengths"], settings["texts"]) == ((2, 6), 3)
    assert job.id in app.query_params["job"]


def test_several_checkpoints_of_one_training_are_started_as_one_experiment(
    tiny_llama_folder: Path, tmp_path: Path
) -> None:
    training = tmp_path / "training"
    first, *others = [training / f"checkpoint-{step}" for step in (10, 20, 300)]
    for folder in (first, *others):
        shutil.copytree(tiny_llama_folder, folder)
    (training / "logs").mkdir()
    app = open_page("capacity", first)
    picker = app.multiselect(key="checkpoints")
    assert picker.options == ["checkpoint-20", "checkpoint-300"]
    picker.set_value(["checkpoint-300", "checkpoint-20"]).run()
    assert "The same for each of 3 checkpoints" in texts_of(app)
    app.button(key="start-capacity").click().run()
    assert not app.exception
    specs = [job.spec for job in client.jobs() if isinstance(job.spec, ExperimentSpec)]
    assert {spec.settings.model for spec in specs} == {str(f) for f in (first, *others)}
    asked = [spec.settings.model_dump(exclude={"model"}) for spec in specs]
    assert asked == asked[:1] * 3


def test_a_run_that_takes_long_is_asked_about_first(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.estimates.outlook.QUICK_SECONDS", 0.0)
    app = open_page("arrangements", tiny_llama_folder)
    assert "This takes long: usually about " in texts_of(app)
    start = app.button(key="start-arrangements")
    assert start.label == "Start anyway" and not client.jobs()
    start.click().run()
    assert not app.exception and len(client.jobs()) == 1


def test_a_job_is_shown_when_it_is_over_and_has_timed_a_step(tiny_llama_folder: Path) -> None:
    def offers(app: AppTest) -> bool:
        return "Time a step first" in [button.label for button in app.button]

    assert offers(open_page("arrangements", tiny_llama_folder))
    recipe = FAST.model_copy(update={"max_steps": 5})
    settings = EXPERIMENT.make(
        {"model": str(tiny_llama_folder), "texts": 1, "recipe": recipe, **SMALL["arrangements"]}
    )
    job = carry_out(ExperimentSpec(settings=settings))
    app = open_page("arrangements", tiny_llama_folder, job=job)
    assert not app.exception and not offers(app)
    made = runs.load(runs.find(str(client.get(job).result["run"])))
    assert EXPERIMENT.left(made) == [] and escaped(EXPERIMENT.sentence(made)) in texts_of(app)


def test_bad_settings_are_a_sentence(tiny_llama_folder: Path) -> None:
    app = open_page("arrangements", tiny_llama_folder)
    app.text_input(key="arrangements-minutes-lengths").set_value("6, two").run()
    assert not app.exception and "whole numbers" in texts_of(app)
    app.text_input(key="arrangements-minutes-lengths").set_value("6, 2").run()
    assert not app.exception and "shortest first" in texts_of(app)


def test_a_damaged_run_is_a_sentence(run: Callable[..., Run]) -> None:
    (run().folder / runs.HEADER_FILE).write_text('{"settings": {"experiment": "arrangements"}}')
    for page in ("arrangements", "paper"):
        app = open_page(page)
        assert not app.exception
        assert "damaged" in texts_of(app)


def test_the_paper_page_has_every_finding_with_and_without_runs(run: Callable[..., Run]) -> None:
    app = open_page("paper")
    assert not app.exception
    made = run()
    app = open_page("paper")
    assert not app.exception
    assert escaped(EXPERIMENT.sentence(made)) in texts_of(app)
    answers, more = app.table
    assert "I5" in set(more.value["id"])
    assert [f"F{k}" for k in range(1, 11)] == list(dict.fromkeys(answers.value["id"]))


def test_a_run_that_a_command_spreads_over_machines_shows_who_is_at_what(
    run: Callable[..., Run],
) -> None:
    made = run()
    busy = {"name": "**north**", "device": "CPU", "searched_in": "float32", "since": 0.0}
    cell = EXPERIMENT.cells(made.settings)[0]
    under_way = busy | {"part": cell.key, "title": cell.title, "fraction": 0.25, "finished": 3}
    write_nodes(made.header.id, [under_way, busy], ["south has torch 1.0: install the same."])
    app = open_page("arrangements", run=made.header.id)
    (shown,) = (frame.value for frame in app.dataframe if "Machine" in frame.value)
    assert shown["Machine"].tolist() == ["**north**"] * 2
    assert shown["Done (%)"].tolist() == [25, 0] and shown["Cells finished"].tolist() == [3, 0]
    assert shown["Measures"][0] == cell.title
    assert any("south has torch" in warning.value for warning in app.warning)
    assert "Processes: 2" in app.get("progress")[0].proto.text
    (runs.work_of(made.header.id) / "nodes.json").write_text('{"at": 1, "nodes": []}')
    gone = open_page("arrangements", run=made.header.id)
    assert not any("Machine" in frame.value for frame in gone.dataframe)


def test_what_a_reader_has_to_know_is_shown_as_it_is() -> None:
    made = climbed({("unseen", "one mem"): 4})
    folder = runs.save_header(made.header)
    for cell in made.done:
        runs.append(folder, cell)
    first_position.keep(
        FirstPosition(
            fingerprint=made.header.fingerprint, words=12, alone=1, behind=9, sink=0,
            sink_text="<s> *x*", steps=16, computed_in="float32",
        )
    )  # fmt: skip
    app = open_page("capacity", run=made.header.id)
    assert not app.exception
    (said,) = [each.value for each in app.warning if "first position" in each.value]
    assert escaped("<s> *x*") in said
