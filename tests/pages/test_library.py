"""The Library page: empty, populated, with entries that cannot be read; and what can be done."""

import io
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explorer.base import folders
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.jobs import client
from explorer.landscape.surroundings import Surroundings, SurroundingsHeader
from explorer.library import items, trash
from explorer.library.labels import Kind
from explorer.solutions import store
from explorer.solutions.solution import Memory, MemoryRecord, Solution, SolutionRecord
from explorer.specs.jobs import DownloadSpec, ExperimentSpec
from explorer.specs.recipes import FAST
from tests.pages.driving import APP, open_page
from widgets.library import panel

HOSTILE = "<b>*bold*</b> $x$ [link](http://a) :smile:"


Keep = Callable[..., Solution]


@pytest.fixture
def keep() -> Keep:
    """Store a made-up solution in the run of its own number."""

    def make(number: int, **fields: Any) -> Solution:
        said: dict[str, Any] = {
            "id": f"{number:012x}-00000000", "made_from": f"{number:012x}", "model": "tiny",
            "fingerprint": "f" * 64, "arrangement": "e+mN", "recipe": FAST, "seed": number,
            "text": f"text {number}", "accuracy": 1.0, "exact": True, "c_tokens": 3, "h_lm": 4.5,
            "h_lm_terms": 3, "loss": 0.25, "steps": 7 + number, "seconds": 0.5,
            "created": f"2026-01-01T00:00:{number:02d}+00:00",
        }  # fmt: skip
        e, m = np.random.default_rng(number).normal(size=(2, 4)).astype(np.float32)
        record = SolutionRecord.model_validate(said | fields)
        solution = Solution(e, m, np.array([5, 3, 8]), record)
        store.keep(solution, f"run{number}")
        return solution

    return make


def _solutions_in(folder: Path) -> list[Solution]:
    return store.siblings(folder / store.RECORDING)


def show(app: AppTest, room: str) -> AppTest:
    (rooms,) = [group for group in app.button_group if group.key == "room"]
    return rooms.set_value(room).run()


def select(app: AppTest, *rows: int) -> AppTest:
    key = app.dataframe[0].key
    assert key is not None and key.startswith("table-")
    app.session_state[key] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    return app.run()


def texts_of(app: AppTest) -> str:
    kinds = ("caption", "markdown", "error", "warning", "info", "text")
    return "\n".join(str(element.value) for kind in kinds for element in app.get(kind))


def buttons(app: AppTest) -> dict[str, Any]:
    return {button.label: button for button in app.button}


@pytest.mark.usefixtures("without_shipped")
@pytest.mark.parametrize(
    ("room", "said"),
    [("Solutions", "No solution is stored"), ("Runs", "No run"), ("Sets", "no sets"),
     ("Paths", "No two solutions"), ("Landscapes", "No plane"), ("Experiments", "No experiment"),
     ("Analyses", "No map"), ("Models and texts", "No model"), ("Jobs", "No job"),
     ("Leftovers", "Nothing is left over"), ("Trash", "The trash is empty")],
)  # fmt: skip
def test_an_empty_library_says_so(room: str, said: str) -> None:
    app = show(open_page("library"), room)
    assert not app.exception and not app.error
    assert any(said in info.value for info in app.info) and not app.dataframe


def test_what_ships_can_be_looked_at_and_not_changed() -> None:
    app = open_page("library")
    assert set(app.dataframe[0].value["from"]) == {"recorded"}
    app = select(app, 0)
    assert not app.exception
    assert app.get("download_button") and buttons(app)["Delete"].disabled
    assert "Save" not in buttons(app) and "Name" not in [field.label for field in app.text_input]
    assert "ships with the project" in texts_of(app)


@pytest.mark.usefixtures("without_shipped")
def test_the_table_has_what_matters_first_and_newest_on_top(keep: Keep) -> None:
    for number in (1, 3, 2):
        keep(number, text=HOSTILE)
    table = open_page("library").dataframe[0].value
    assert table.columns[:3].tolist() == ["accuracy", "steps", "text"]
    assert table["steps"].tolist() == [10, 9, 8] and table["text"].tolist() == [HOSTILE] * 3
    assert "tags" not in table


@pytest.mark.usefixtures("without_shipped")
def test_search_and_filter(keep: Keep) -> None:
    for number in range(4):
        keep(number, model=f"org/m{number % 2}")
    app = open_page("library")
    app.text_input(key="find").set_value("text 3").run()
    assert app.dataframe[0].value["text"].tolist() == ["text 3"]
    app.text_input(key="find").set_value("").run()
    app.multiselect(key="Model-solution").set_value(["org/m0"]).run()
    assert app.dataframe[0].value["text"].tolist() == ["text 2", "text 0"]
    app.text_input(key="find").set_value("nowhere").run()
    assert any("No matches" in info.value for info in app.info) and not app.exception


@pytest.mark.usefixtures("without_shipped")
def test_a_name_a_note_and_tags_are_kept(keep: Keep) -> None:
    keep(1)
    app = select(open_page("library"), 0)
    fields = {field.label: field for field in (*app.text_input, *app.text_area, *app.multiselect)}
    fields["Name"].set_value(HOSTILE)
    fields["Note"].set_value("a note")
    buttons(app)["Save"].click().run()
    assert not app.exception and not app.error
    (item,) = items.items("solution")
    assert (item.label.name, item.label.note) == (HOSTILE, "a note")
    assert app.dataframe[0].value["text"].tolist() == [HOSTILE]
    items.relabel(item, name="", note="", tags=["x"])
    app.run()
    assert app.dataframe[0].value["tags"].tolist() == ["x"]


@pytest.mark.usefixtures("without_shipped")
def test_a_note_is_kept_though_somebody_elses_run_ends_meanwhile(keep: Keep) -> None:
    mine = keep(1).record.id
    app = select(open_page("library"), 0)
    (note,) = [field for field in app.text_area if field.label == "Note"]
    note.set_value("a note")
    keep(2)
    buttons(app)["Save"].click().run()
    assert not app.exception and not app.error
    labels = {item.id: item.label.note for item in items.items("solution")}
    assert labels[mine] == "a note" and len(labels) == 2
    keep(3)
    app = select(app.run(), 0, 2)
    buttons(app)["Delete"].click().run()
    assert [item.record.seed for item in items.items("solution") if item.record] == [2]
    assert not app.exception and "Delete" not in buttons(app)


@pytest.mark.usefixtures("without_shipped")
def test_two_solutions_are_compared(keep: Keep) -> None:
    one, _ = keep(1, text=HOSTILE), keep(2, arrangement="e+mN-1")
    app = select(open_page("library"), 0, 1)
    assert not app.exception
    labels = [metric.label for metric in app.metric]
    assert labels.count("Correct tokens") == 2 and "Cosine distance of e" in labels
    settings = app.dataframe[-1].value.set_index("setting")
    assert settings.loc["seed"].tolist() == ["2", "1"]
    assert settings.loc["arrangement", "first"].startswith("A5")
    assert "model" not in settings.index
    app.toggle(key="differs").set_value(False).run()
    assert "model" in app.dataframe[-1].value["setting"].tolist()
    assert one.record.text in [text.value for text in app.text]


def test_two_recorded_solutions_are_compared_with_their_curves() -> None:
    app = open_page("library")
    texts = app.dataframe[0].value["text"].tolist()
    of_runs = [row for row, text in enumerate(texts) if text.startswith("The ferry leaves")]
    app = select(app, *of_runs[:2])
    assert not app.exception
    assert len(app.get("plotly_chart")) == 2


@pytest.mark.usefixtures("without_shipped")
def test_deleting_can_be_undone_and_the_trash_emptied(keep: Keep) -> None:
    for number in range(3):
        keep(number)
    app = select(open_page("library"), 0, 2)
    app.button(key="delete").click().run()
    assert not app.exception
    assert app.dataframe[0].value["text"].tolist() == ["text 1"]
    assert "In the trash: 2 solution files." in texts_of(app)
    app.button(key="undo").click().run()
    assert len(app.dataframe[0].value) == 3 and "in the trash." not in texts_of(app)
    app = select(app, 1)
    app.button(key="delete").click().run()
    app = show(app, "Trash")
    assert "text 1" in [text.value for text in app.text]
    (deletion,) = trash.deletions()
    app.button(key=f"undo-{deletion.id}").click().run()
    assert len(items.items("solution")) == 3
    trash.throw(items.items("solution"))
    app = show(show(app, "Solutions"), "Trash")
    app.button(key="empty").click().run()
    assert trash.deletions() == [] and any("empty" in info.value for info in app.info)


def _copied(shipped: str, to: Path) -> None:
    """Copy what ships into the cache, as if it had been made here."""
    source = folders.PROJECT / "cache" / "recorded" / shipped
    shutil.copytree(source, to) if source.is_dir() else shutil.copy(source, folders.make(to))


@pytest.mark.usefixtures("without_shipped")
@pytest.mark.parametrize(
    ("room", "kind", "source", "place", "said"),
    [
        ("Paths", "paths", "paths/1-four-texts", "paths/job1", "1 set of paths"),
        ("Landscapes", "landscape", "landscape/1-four-texts", "paths/job2", "1 landscape"),
        (
            "Experiments",
            "experiment",
            "experiments/330bfc2676cd",
            "experiments/330bfc2676cd",
            "1 run of an experiment",
        ),
        ("Analyses", "analysis", "analyses/map-0174860abcf21dec.json", "analyses", "1 analysis"),
    ],
)
def test_every_result_is_listed_deleted_and_put_back(
    own_cache: Path, room: str, kind: Kind, source: str, place: str, said: str
) -> None:
    _copied(source, own_cache / place)
    app = show(open_page("library"), room)
    assert not app.exception and not app.error and not app.warning
    assert len(app.dataframe[0].value) == 1 and app.dataframe[0].value["size"][0][-1] == "B"
    assert f"{said}. Tick a row" in texts_of(app)
    app = select(app, 0)
    assert not app.exception
    app.button(key="delete").click().run()
    assert items.items(kind) == [] and f"In the trash: {said}." in texts_of(app)
    app.button(key="undo").click().run()
    assert not app.exception and len(items.items(kind)) == 1


@pytest.mark.usefixtures("without_shipped")
@pytest.mark.parametrize(
    ("page", "name", "source", "said"),
    [
        ("paths", "job", "paths/1-four-texts", "Median curve length ÷ chord"),
        ("landscape", "job", "landscape/1-four-texts", "Accuracy 0.99 or more"),
    ],
)
def test_a_result_whose_job_was_deleted_has_its_page(
    own_cache: Path, page: str, name: str, source: str, said: str
) -> None:
    _copied(source, own_cache / "paths" / "0123456789")
    app = open_page(page, **{name: "0123456789"})
    assert not app.exception
    assert said in [metric.label for metric in app.metric]
    app = open_page(page, **{name: "../paths/0123456789"})
    assert not app.exception
    assert any("There is no job" in error.value for error in app.error)


@pytest.mark.usefixtures("without_shipped")
def test_a_walk_whose_job_was_deleted_has_its_page(own_cache: Path) -> None:
    header = SurroundingsHeader(
        model="tiny",
        fingerprint="f" * 64,
        solution="s-1",
        solution_seed=0,
        text="The heron",
        norm=1.0,
        seed=0,
    )
    walk = Surroundings(
        header, np.linspace(0, 1, 5), np.ones((2, 5), dtype=np.float32), np.array([0.5, np.nan])
    )
    walk.save(own_cache / "paths" / "0123456789" / "radius.safetensors")
    app = open_page("landscape", radius="0123456789")
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    assert (shown["Median radius"], shown["Smallest"], shown["Largest"]) == ("–", "0.5", "–")


@pytest.mark.usefixtures("without_shipped")
def test_a_model_is_deleted_after_a_question(own_cache: Path) -> None:
    folder = folders.make(own_cache / "models" / "smollm2-135m")
    (folder / "model.safetensors").write_bytes(b"x" * 2_000_000)
    app = show(open_page("library"), "Models and texts")
    assert app.dataframe[0].value["text"].tolist() == ["SmolLM2 135M Instruct"]
    assert app.dataframe[0].value["size"].tolist() == ["2 MB"]
    assert "models 2 MB" in texts_of(app)
    app = select(app, 0)
    assert "Delete" not in buttons(app) and "downloaded again" in texts_of(app)
    assert "Save" not in buttons(app)
    buttons(app)["Yes, delete"].click().run()
    assert not app.exception and not folder.exists() and "trash 2 MB" in texts_of(app)
    app.button(key="undo").click().run()
    assert (folder / "model.safetensors").stat().st_size == 2_000_000


@pytest.mark.usefixtures("without_shipped")
def test_what_jobs_left_behind_is_cleared(own_cache: Path) -> None:
    job = client.submit(DownloadSpec(model="some/model"))
    client.ask(job, "stop")
    log = folders.make(client.folder_of(job)) / "frames.log"
    log.write_bytes(b"x" * 1_000_000)
    for each in (log, log.parent):
        os.utime(each, (1, 1))
    app = show(open_page("library"), "Leftovers")
    assert app.dataframe[0].value["asks"].tolist() == ["job: stopped"]
    assert "frames and checkpoints of jobs 1 MB" in texts_of(app)
    app = select(app, 0)
    app.button(key="delete").click().run()
    assert not app.exception and not log.exists() and client.get(job).state == "stopped"
    assert "In the trash: 1 leftover." in texts_of(app)


@pytest.mark.usefixtures("without_shipped")
def test_models_of_the_hub_are_counted_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    app = show(open_page("library"), "Models and texts")
    assert "hub's own cache" not in texts_of(app)
    (folders.make(tmp_path / "hub" / "models--a--b") / "blob").write_bytes(b"x" * 3_000_000)
    assert "Models from the hub take up another 3 MB" in texts_of(app.run())


@pytest.mark.usefixtures("without_shipped")
def test_what_cannot_be_read_is_shown_and_can_be_deleted(keep: Keep) -> None:
    keep(1)
    for number in range(5):
        (store.run_folder("run1") / f"*b*{number}.safetensors").write_bytes(b"broken")
    app = open_page("library")
    assert not app.exception
    assert "damaged" in app.warning[0].value and r"\*b\*0" in app.warning[0].value
    assert app.warning[3].value == "And 2 more that cannot be read."
    assert sum("damaged" in text for text in app.dataframe[0].value["text"]) == 5
    app = select(app, *range(1, 6))
    app.button(key="delete").click().run()
    assert not app.exception and not app.warning and len(app.dataframe[0].value) == 1


@pytest.mark.usefixtures("without_shipped")
def test_a_row_is_ticked_though_another_entry_has_come_since_the_table_was_drawn(
    keep: Keep,
) -> None:
    """The tick is of the table that was seen, in which the row stood elsewhere."""
    for number in (1, 2):
        keep(number)
    app = open_page("library")
    keep(3)
    app = select(app, 1)
    assert not app.exception and len(app.dataframe[0].value) == 3
    ticked = app.session_state["selected-solution"][-1]
    seeds = {item.id: item.record.seed for item in items.items("solution") if item.record}
    assert [seeds[name] for name in ticked] == [1]


@pytest.mark.usefixtures("without_shipped")
def test_jobs_are_listed_and_an_open_one_is_not_deleted() -> None:
    job = client.submit(DownloadSpec(model="some/model"))
    app = show(open_page("library"), "Jobs")
    assert app.dataframe[0].value["state"].tolist() == ["queued"]
    app = select(app, 0)
    app.button(key="delete").click().run()
    assert not app.exception and any("is not over" in error.value for error in app.error)
    client.ask(job, "stop")
    app = select(show(open_page("library"), "Jobs"), 0)
    app.button(key="delete").click().run()
    assert not app.exception and items.items("job") == []


def test_runs_are_listed_and_exported_with_all_that_belongs_to_them() -> None:
    app = show(open_page("library"), "Runs")
    shipped = store.shipped_runs()
    listed = app.dataframe[0].value["exact"].tolist()
    assert len(listed) == len(shipped) and "4 / 4" in listed
    app = select(app, 0)
    assert not app.exception
    from explorer.library import exchange
    from widgets.library.actions import _solutions_of

    data = exchange.export(_solutions_of("run", items.items("run")))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    assert {"recording.safetensors", "race.json", "solutions.csv"} < names
    assert len(names) == 3 + sum(len(_solutions_in(folder)) for folder in shipped)


@pytest.mark.usefixtures("without_shipped")
def test_an_import_is_reported(keep: Keep) -> None:
    from explorer.library import exchange

    keep(1)
    data = exchange.export(items.items("solution"))
    trash.throw(items.items("solution"))
    app = open_page("library")
    app.file_uploader[0].set_value(("friend.zip", data, "application/zip")).run()
    app.button(key="import-now").click().run()
    assert not app.exception and "1 of 1 imported." in texts_of(app)
    assert app.dataframe[0].value["from"].tolist() == ["imported"]
    app.button(key="imported-seen").click().run()
    assert "imported." not in texts_of(app)


def test_a_broken_catalogue_is_a_sentence_and_files_are_listed(own_cache: Path) -> None:
    own_cache.mkdir()
    (own_cache / "explorer.db").write_bytes(b"this is a text, not a database. " * 40)
    app = open_page("library")
    assert not app.exception
    files = folders.recorded().rglob("*.safetensors")
    shipped = [file for file in files if not file.name.endswith(store.NOT_SOLUTIONS)]
    assert len(app.dataframe[0].value) == len(shipped) > 0


@pytest.mark.usefixtures("without_shipped")
def test_a_solution_without_its_recording_has_a_page(keep: Keep) -> None:
    solution = keep(1, text=HOSTILE)
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params["solution"] = solution.record.id
    app.run()
    assert not app.exception and not app.error
    assert HOSTILE in [text.value for text in app.text]
    assert "Correct tokens (C_tokens)" in [metric.label for metric in app.metric]


@pytest.fixture
def memory(keep: Keep) -> Memory:
    """Store memory vectors, newer than the solution beside them."""
    other = keep(1)
    known = other.record.model_dump(exclude={"kind", "arrangement", "shared_m"})
    named = {"id": f"{9:012x}-00000000", "created": "2026-01-01T00:09:00+00:00"}
    record = MemoryRecord.model_validate(known | named | {"tokens_of_memory": 2})
    found = Memory(np.ones((2, 4), dtype=np.float32), other.target_ids, record)
    store.keep(found, "run9")
    return found


REFUSAL = "it has memory vectors, not e and m"


@pytest.mark.usefixtures("without_shipped", "memory")
def test_memory_vectors_are_listed_and_not_compared() -> None:
    app = select(open_page("library"), 0)
    assert not app.exception and not app.error
    assert app.dataframe[0].value["scheme"].tolist() == ["mem 2", "A4"]
    assert REFUSAL in texts_of(app)
    assert "Re-check accuracy" not in buttons(app) and "Save" in buttons(app)
    app = select(app, 0, 1)
    assert not app.exception and REFUSAL in texts_of(app)
    assert "Cosine distance of e" not in [metric.label for metric in app.metric]


@pytest.mark.usefixtures("without_shipped")
@pytest.mark.parametrize(
    ("page", "name"), [("pages/reconstruct.py", "solution"), ("pages/paths.py", "a")]
)
def test_a_link_to_memory_vectors_is_answered_with_a_sentence(
    memory: Memory, page: str, name: str
) -> None:
    app = AppTest.from_file(APP, default_timeout=30)
    app.run()
    app.query_params[name] = memory.record.id
    if name == "a":
        app.query_params["b"] = f"{1:012x}-00000000"
    app = app.switch_page(page).run()
    assert not app.exception
    assert any(REFUSAL in error.value for error in app.error)


def test_a_job_of_every_experiment_leads_to_its_page() -> None:
    for experiment in EXPERIMENTS.values():
        settings = experiment.make({"model": "some/model"})
        job = client.submit(ExperimentSpec(settings=settings))
        (item,) = [item for item in items.items("job") if item.id == job]
        page, name = panel.JOB_PAGES[item.facts["asks"]]
        assert name == "job" and (folders.PROJECT / "pages" / f"{page}.py").is_file()
        assert experiment.name in item.facts["asks"]


@pytest.mark.usefixtures("without_shipped")
def test_attempts_are_not_counted_as_solutions(keep: Keep) -> None:
    for number in range(5):
        keep(number, **({} if number < 1 else {"exact": False, "accuracy": 2 / 3, "c_tokens": 2}))
    app = open_page("library")
    assert not app.exception
    assert "1 exact solution, 4 attempts not exact. Tick a row" in texts_of(app)
    (store.run_folder("run0") / "000000000000-00000000.safetensors").write_bytes(b"{")
    said = texts_of(open_page("library"))
    assert "0 exact solutions, 4 attempts not exact, 1 file that cannot be read." in said


@pytest.mark.usefixtures("without_shipped")
def test_a_persons_own_words_are_no_words_of_the_page(keep: Keep) -> None:
    tags = ["Start", "pair"]  # as German pages say other words for
    keep(1)
    (item,) = items.items("solution")
    items.relabel(item, name="", note="", tags=tags)
    (field,) = [w for w in open_page("library", lang="de").multiselect if w.key == "Tags-solution"]
    assert field.options == tags


def test_a_run_that_was_imported_is_called_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from explorer.library import exchange

    shipped = store.shipped_runs()[0]
    of_run = [i for i in items.items("solution") if i.path and i.path.parent == shipped]
    data = exchange.export(of_run)
    monkeypatch.setattr(folders, "recorded", lambda: tmp_path / "nothing-ships")
    exchange.take_in("friend.zip", data)
    for room in ("Solutions", "Runs"):
        app = open_page("library", room=room)
        assert set(app.dataframe[0].value["from"]) == {"imported"}, room
