"""Every page in its empty, populated and error state, without a worker."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explorer.assets import first_position
from explorer.assets.fingerprint import fingerprint
from explorer.assets.first_position import FirstPosition
from explorer.base import folders
from explorer.base.database import JobRow, transaction
from explorer.jobs import client, feed, kept
from explorer.people import limits
from explorer.people.limits import Limits
from explorer.solutions import store
from explorer.solutions.recording import Recording, RecordingHeader, RecordingLog
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import FAST, SETTINGS
from tests.pages.driving import APP, carry_out, followed, open_page, texts_of
from widgets import recipes

TEXT = "abc <script>alert(1)</script> & more words to say"


@pytest.fixture
def trained(tiny_llama_folder: Path) -> str:
    """A job that an engine in this process has really run to its end."""
    return carry_out(spec_for(tiny_llama_folder, length=3, max_steps=40))


def spec_for(folder: Path, *, length: int, max_steps: int = 10) -> ReconstructSpec:
    recipe = FAST.model_copy(update={"max_steps": max_steps, "warmup_steps": 2})
    return ReconstructSpec(
        model=str(folder),
        text=TEXT,
        length=length,
        arrangement="e+mN",
        recipe=recipe,
        restarts=2,
    )


def test_first_view_shows_a_recorded_run_before_any_model_is_there() -> None:
    app = open_page()
    assert not app.exception
    assert any("recorded" in str(badge.value).lower() for badge in app.markdown)
    labels = [metric.label for metric in app.metric]
    assert "Correct tokens (C_tokens)" in labels
    assert "not downloaded yet" in texts_of(app)
    assert [button.label for button in app.button] == ["Projector view", "Download"]


def test_bring_queues_a_job() -> None:
    app = open_page()
    app.button(key="bring").click().run()
    (job,) = client.jobs()
    assert job.spec.kind == "bring"
    assert job.state == "queued"
    assert not app.exception


def test_start_queues_exactly_what_the_widgets_say(tiny_llama_folder: Path) -> None:
    app = open_page(None, tiny_llama_folder)
    app.text_area(key="own_text").set_value(TEXT).run()
    app.number_input(key="restarts").set_value(3).run()
    app.number_input(key="seed").set_value(7).run()
    app.selectbox(key="arrangement").set_value("alternating").run()
    app.button(key="start").click().run()
    (job,) = client.jobs()
    assert isinstance(job.spec, ReconstructSpec)
    assert job.spec.text == TEXT
    assert (job.spec.restarts, job.spec.seed) == (3, 7)
    assert job.spec.arrangement == "alternating"
    assert job.spec.recipe == FAST
    assert app.query_params["job"] in (job.id, [job.id])
    assert not app.exception


def test_a_refused_start_leaves_the_job_under_way_on_the_page(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamlit.context.ip_address", "192.168.1.7")
    monkeypatch.setattr("widgets.server.require", lambda *names: None)
    monkeypatch.setattr(limits, "load", lambda: Limits(jobs=1))
    app = open_page(None, tiny_llama_folder)
    app.button(key="start").click().run()
    (job,) = client.jobs()
    app.button(key="start").click().run()
    assert app.error and len(client.jobs()) == 1
    assert app.query_params["job"] in (job.id, [job.id])


def test_what_takes_long_is_asked_about_first(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(None, tiny_llama_folder)
    assert "This takes long" not in texts_of(app)
    monkeypatch.setattr("explorer.estimates.outlook.QUICK_SECONDS", 0.0)
    app.run()
    said = texts_of(app)
    assert "This takes long: usually about " in said and "stop at any time" in said
    (start,) = [button for button in app.button if button.key == "start"]
    assert start.label == "Start anyway" and not client.jobs()
    start.click().run()
    assert not app.exception and len(client.jobs()) == 1


def test_a_long_text_takes_long_and_a_short_one_does_not() -> None:
    from explorer.estimates import outlook
    from explorer.estimates.outlook import QUICK_SECONDS
    from explorer.runtime import step_times

    def expected(length: int) -> float:
        spec = ReconstructSpec(
            model="smollm2-135m",
            text="x",
            length=length,
            arrangement="e+mN",
            recipe=FAST,
            restarts=4,
            until="first",
        )
        seconds = outlook.of_text(spec, step_times.assumed(None)).seconds
        assert seconds is not None
        return seconds.usual

    assert expected(24) < QUICK_SECONDS < expected(128) < expected(1500)


def test_stopping_is_said_at_once(tiny_llama_folder: Path) -> None:
    app = open_page(None, tiny_llama_folder)
    app.button(key="start").click().run()
    (job,) = client.jobs()
    with transaction() as session:
        row = session.get(JobRow, job.id)
        assert row is not None
        row.state, row.attempts = "running", 1
    app.run()
    app.button(key=f"stop-{job.id}").click().run()
    assert "Stopping after this step." in texts_of(app)
    assert app.button(key=f"stop-{job.id}").disabled


def test_the_length_stays_when_the_text_changes(tiny_llama_folder: Path) -> None:
    """It follows a text that is too short for it, and comes back with the next longer one."""

    def length(app: AppTest) -> Any:
        return next(field for field in app.number_input if field.label == "N, target tokens")

    app = open_page(None, tiny_llama_folder)
    app.text_area(key="own_text").set_value(TEXT * 3).run()
    length(app).set_value(9).run()
    app.text_area(key="own_text").set_value(TEXT * 4).run()
    assert length(app).value == 9
    app.text_area(key="own_text").set_value("heron").run()
    short = length(app)
    assert short.value == short.max < 9
    app.text_area(key="own_text").set_value(TEXT * 2).run()
    assert length(app).value == 9
    app.button(key="start").click().run()
    (job,) = client.jobs()
    assert isinstance(job.spec, ReconstructSpec) and job.spec.length == 9


def test_what_suits_the_model_is_offered_first_and_said(tiny_llama_folder: Path) -> None:
    app = open_page(None, tiny_llama_folder)
    chosen = app.selectbox(key="arrangement")
    assert chosen.value == "auto" and chosen.options[0] == "What suits the model"
    assert "checked when this model first runs" in texts_of(app)
    app.button(key="start").click().run()
    (job,) = client.jobs()
    assert isinstance(job.spec, ReconstructSpec) and job.spec.arrangement == "auto"
    weights = fingerprint(tiny_llama_folder)  # as loading the model leaves it
    found = FirstPosition(
        fingerprint=weights, words=12, alone=1, behind=9, sink=0, sink_text="BOS", steps=16,
        computed_in="float32", tokens=24, by_paper=10, by_sink=15, pair_steps=24,
    )  # fmt: skip
    first_position.keep(found)  # of before e and m were mixed: it is checked again
    assert "mixing e and m" in texts_of(open_page(None, tiny_llama_folder))
    first_position.keep(found.model_copy(update={"by_mixed": 16}))
    app = open_page(None, tiny_llama_folder)
    assert "Sink  [sink][e][m]×N: Not in the paper" in texts_of(app)
    assert "cannot output every token" in texts_of(app)
    assert "BOS before e helps: after 24 steps e and m output 15 of 24 tokens" in texts_of(app)
    assert "mixed after BOS they output 16 of 24" in texts_of(app)
    app.button(key="start").click().run()
    assert {j.spec.arrangement for j in client.jobs() if isinstance(j.spec, ReconstructSpec)} == {
        "auto",
        "sink+e+mN",
    }
    first_position.keep(found.model_copy(update={"by_mixed": 24}))
    app = open_page(None, tiny_llama_folder)
    assert "So its default is Mixed" in texts_of(app)
    app.segmented_control(key="recipe").set_value("paper").run()  # which compares with the paper
    assert "So its default is Sink" in texts_of(app)
    app.button(key="start").click().run()
    newest = client.jobs()[0].spec
    assert isinstance(newest, ReconstructSpec)
    assert (newest.recipe.name, newest.arrangement) == ("paper", "sink+e+mN")


def test_a_changed_recipe_is_named_as_changed(tiny_llama_folder: Path) -> None:
    app = open_page(None, tiny_llama_folder)
    assert not [each for each in app.number_input if str(each.key).startswith("recipe_")]
    app.toggle(key="recipe_fast_settings").set_value(True).run()
    app.number_input(key="recipe_fast_max_steps").set_value(50).run()
    app.button(key="start").click().run()
    (job,) = client.jobs()
    assert isinstance(job.spec, ReconstructSpec)
    assert job.spec.recipe.max_steps == 50
    assert job.spec.recipe.name == "fast, changed"


def test_every_field_of_a_recipe_has_a_label() -> None:
    assert set(recipes.LABELS) == set(SETTINGS)


def test_a_recipes_number_that_is_zero_moves_by_a_visible_step(tiny_llama_folder: Path) -> None:
    app = open_page(None, tiny_llama_folder)
    app.segmented_control(key="recipe").set_value("paper").run()
    app.toggle(key="recipe_paper_settings").set_value(True).run()
    assert app.number_input(key="recipe_paper_target_in_e").increment().value == pytest.approx(0.1)
    assert app.number_input(key="recipe_paper_lr").increment().value == pytest.approx(0.011)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "empty"), ("   \n ", "white space")],
)
def test_unusable_text_is_a_sentence_and_offers_no_start(
    tiny_llama_folder: Path, text: str, said: str
) -> None:
    app = open_page(None, tiny_llama_folder)
    app.text_area(key="own_text").set_value(text).run()
    assert any(said in error.value for error in app.error)
    assert "Start" not in [button.label for button in app.button]
    assert not app.exception


@pytest.mark.parametrize(
    "text", ["😀👩‍👩‍👧 שלום עולם", "<b>bold</b><img src=x onerror=alert(1)>", "x" * 10**6]
)
def test_odd_texts_can_be_chosen(tiny_llama_folder: Path, text: str) -> None:
    app = open_page(None, tiny_llama_folder)
    app.text_area(key="own_text").set_value(text).run()
    assert not app.exception
    assert not app.error
    assert "Start" in [button.label for button in app.button]


@pytest.mark.parametrize("model", ["no/such folder", "/nowhere/at/all", "%%%"])
def test_unknown_models_are_a_sentence(model: str) -> None:
    app = open_page(None, Path(model))
    assert not app.exception
    assert app.error or "not on this disk" in texts_of(app)


def test_a_job_under_way_shows_its_sentence_and_can_be_stopped(tiny_llama_folder: Path) -> None:
    job = client.submit(spec_for(tiny_llama_folder, length=3))
    app = open_page(None, tiny_llama_folder, job=job)
    assert not app.exception
    app.button(key=f"stop-{job}").click().run()
    assert client.get(job).state == "stopped"
    assert "nothing was saved" in texts_of(app)


def test_a_job_under_way_is_followed_by_the_browser(tiny_llama_folder: Path) -> None:
    spec = spec_for(tiny_llama_folder, length=3)
    job = client.submit(spec)
    header = RecordingHeader(
        model=spec.model, target_ids=[5, 3, 8], seeds=[0, 1], d_model=32, arrangement="e+mN"
    )
    log = RecordingLog(client.folder_of(job), header)
    for step, right in ((0, [1, 1, 1]), (7, [5, 3, 1])):
        frame = np.zeros(1, dtype=header.frame_dtype)
        frame["step"], frame["steps"], frame["seconds"] = step, step, step / 2
        frame["best"], frame["predicted"][:, 1] = 1, right
        log.publish(frame)
    app = open_page(None, tiny_llama_folder, job=job)
    assert not app.exception
    given = followed(app, job)
    assert given["parts"] == ["strip", "numbers", "charts"] and given["shown"] == "best"
    assert not app.get("plotly_chart")  # the script draws nothing that moves
    app.segmented_control(key=f"restarts-{job}").set_value("0").run()
    assert followed(app, job)["shown"] == spec.seed


def test_nothing_on_a_page_asks_for_the_script_again_and_again() -> None:
    """What is under way is pushed: thirty pages that ask five times a second stop the server."""
    asking = [
        file.name
        for folder in ("pages", "widgets")
        for file in (folders.PROJECT / folder).rglob("*.py")
        if "run_every" in file.read_text()
    ]
    assert not asking


def test_the_page_is_told_when_only_it_can_show_what_is_new(tiny_llama_folder: Path) -> None:
    job = client.submit(spec_for(tiny_llama_folder, length=3))
    seen = [followed(open_page(None, tiny_llama_folder, job=job), job)["stamp"]]
    client.ask(job, "pause")  # by somebody else: Pause is to become Resume
    seen.append(followed(open_page(None, tiny_llama_folder, job=job), job)["stamp"])
    assert seen[0] != seen[1]
    (look,) = feed.poll({job: None}).values()
    assert look.status["stamp"] == seen[1]


def test_pause_and_resume_are_asked_of_the_worker(tiny_llama_folder: Path) -> None:
    job = client.submit(spec_for(tiny_llama_folder, length=3))
    app = open_page(None, tiny_llama_folder, job=job)
    app.button(key=f"pause-{job}").click().run()
    assert client.get(job).requested == "pause"
    assert app.button(key=f"pause-{job}").label == "Resume"
    app.button(key=f"pause-{job}").click().run()
    assert client.get(job).requested == "run"


def test_a_finished_job_shows_what_its_files_say(trained: str, tiny_llama_folder: Path) -> None:
    app = open_page(None, tiny_llama_folder, job=trained)
    assert not app.exception
    solutions = store.siblings(store.run_folder(trained) / store.RECORDING)
    best = max(solutions, key=lambda s: (s.record.accuracy, -s.record.steps))
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Correct tokens (C_tokens)"] == f"{best.record.c_tokens} / 3"
    exact = sum(s.record.exact for s in solutions)
    assert shown["Exact restarts"] == f"{exact} / 2"


def test_a_solution_is_found_again_through_its_link(trained: str) -> None:
    solution = store.siblings(store.run_folder(trained) / store.RECORDING)[0]
    app = open_page(solution=solution.record.id)
    assert not app.exception
    assert not app.error
    assert "Correct tokens (C_tokens)" in [metric.label for metric in app.metric]


@pytest.mark.parametrize(
    "query", [{"job": "nope"}, {"solution": "../../etc/passwd"}, {"job": "<b>"}]
)
def test_a_dead_link_is_a_sentence(query: dict[str, str]) -> None:
    app = open_page(**query)
    assert not app.exception
    assert any("There is no" in error.value for error in app.error)


def test_a_failed_job_says_why(tiny_llama_folder: Path) -> None:
    job = client.submit(spec_for(tiny_llama_folder, length=3))
    with transaction() as session:
        row = session.get(JobRow, job)
        assert row is not None
        row.state, row.error = "failed", "The disk is full. Free some space."
    app = open_page(None, tiny_llama_folder, job=job)
    assert [error.value for error in app.error] == ["The disk is full. Free some space."]


def test_a_failed_job_with_a_checkpoint_can_be_resumed(tiny_llama_folder: Path) -> None:
    job = client.submit(spec_for(tiny_llama_folder, length=3))
    with transaction() as session:
        row = session.get(JobRow, job)
        assert row is not None
        row.state, row.error, row.attempts = "failed", "The disk is full. Free some space.", 1
    app = open_page(None, tiny_llama_folder, job=job)
    assert f"resume-{job}" not in [button.key for button in app.button]
    checkpoint = kept.checkpoint_in(client.folder_of(job))
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"what a run goes on from")
    app.run().button(key=f"resume-{job}").click().run()
    assert not app.exception and not app.error
    found = client.get(job)
    assert (found.state, found.requested, found.error) == ("queued", "run", None)


def test_an_unwritable_cache_is_a_sentence_and_recorded_runs_stay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("EXPLORER_CACHE", str(blocked / "below"))
    monkeypatch.delenv("EXPLORER_NO_WORKER")
    app = open_page()
    assert not app.exception
    assert any("EXPLORER_CACHE" in error.value for error in app.error)
    assert "Correct tokens (C_tokens)" in [metric.label for metric in app.metric]


@pytest.mark.end_to_end
def test_the_web_process_stays_free_of_torch(tiny_llama_folder: Path) -> None:
    code = f"""
    import sys
    from streamlit.testing.v1 import AppTest
    app = AppTest.from_file({APP!r}, default_timeout=60)
    app.session_state["model"] = "other"
    app.session_state["other_model"] = {str(tiny_llama_folder)!r}
    app.run()
    app.button(key="start").click().run()
    assert not app.exception, app.exception
    for page in ("library", "sets", "distances", "maps"):
        app.switch_page(f"pages/{{page}}.py").run()
        assert not app.exception, app.exception
    never = {{"torch", "transformers", "sklearn", "umap", "sentence_transformers"}}
    heavy = never & set(sys.modules)
    assert not heavy, heavy
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=folders.PROJECT,
        env=os.environ | {"EXPLORER_ROOTS": str(tiny_llama_folder)},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]


@pytest.fixture
def two_recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Two runs that ship: a copy of the first, and one of its solutions with another title."""
    made = []
    for name, title in (("1-one", "First *text*"), ("2-two", "Second [text](x)")):
        folder = tmp_path / "recorded" / "reconstruct" / name
        shutil.copytree(store.shipped_runs()[0], folder)
        recording = Recording.load(folder / store.RECORDING)
        header = recording.header.model_copy(update={"title": title})
        Recording(header, recording.frames).save(folder / store.RECORDING)
        made.append(folder)
    (made[1] / store.RACE).unlink()
    for file in sorted(made[1].glob("*-*.safetensors"))[1:]:
        file.unlink()
    monkeypatch.setattr(folders, "recorded", lambda: tmp_path / "recorded")
    return made


def link_copied(app: AppTest) -> str:
    shown = [json.loads(part.proto.json) for part in app.get("bidi_component") if part.proto.json]
    (query,) = [data["query"] for data in shown if "copied" in data]
    return str(query)


def test_one_chooses_among_the_recorded_runs(two_recorded: list[Path]) -> None:
    app = open_page()
    assert not app.exception
    (pills,) = [group for group in app.button_group if group.key == "recorded"]
    assert list(pills.options) == [r"First \*text\* (A4)", r"Second \[text\](x) (A4)"]
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Exact restarts"] == "4 / 4"
    assert link_copied(app) == "?recorded=First+%5C%2Atext%5C%2A+%28A4%29"
    pills.set_value("2-two").run()
    assert not app.exception
    linked = dict(parse_qsl(link_copied(app).removeprefix("?")))
    again = open_page(**linked)
    assert {metric.label: metric.value for metric in again.metric}["Exact restarts"] == "1 / 1"
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Exact restarts"] == "1 / 1"
    assert any("recorded" in str(badge.value).lower() for badge in app.markdown)


def test_a_single_recorded_run_needs_no_choice(
    two_recorded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(two_recorded[1])
    app = open_page()
    assert not app.exception and "recorded" not in [group.key for group in app.button_group]
    assert "Correct tokens (C_tokens)" in [metric.label for metric in app.metric]


@pytest.mark.parametrize(("early", "until"), [(True, "first"), (False, "all")])
def test_stopping_at_the_first_exact_restart_is_asked_of_the_worker(
    tiny_llama_folder: Path, early: bool, until: str
) -> None:
    app = open_page(None, tiny_llama_folder)
    assert app.toggle(key="until").value is True
    app.toggle(key="until").set_value(early).run()
    app.button(key="start").click().run()
    (job,) = client.jobs()
    assert isinstance(job.spec, ReconstructSpec) and job.spec.until == until


def test_a_text_the_model_writes_is_followed_and_never_read_as_markup(
    tiny_llama_folder: Path,
) -> None:
    app = open_page(None, tiny_llama_folder)
    app.selectbox(key="source").set_value("generated").run()
    app.button(key="write").click().run()
    (job,) = client.jobs()
    for state in ("running", "done"):
        with transaction() as session:
            row = session.get(JobRow, job.id)
            assert row is not None
            row.state, row.result = state, json.dumps({"text": "**bold** heron and tram"})
        app.run()
        assert not app.exception
        if state == "running":
            assert followed(app, job.id)
            (look,) = feed.poll({job.id: None}).values()
            assert look.status["text"] == "**bold** heron and tram"
        else:
            assert "**bold** heron and tram" in [text.value for text in app.text]
        assert not any("**bold**" in str(e.value) for e in (*app.caption, *app.markdown))


def test_a_corpus_that_was_changed_is_read_again(tiny_llama_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text('{"text": "The heron waits."}\n')
    app = open_page(None, tiny_llama_folder, source="A corpus of one's own")
    app.text_input(key="corpus_path").set_value(str(file)).run()
    assert not app.exception and not app.error
    file.write_text('{"text": "The tram goes home."}\n')
    app.run()
    app.button(key="start").click().run()
    (job,) = client.jobs()
    assert isinstance(job.spec, ReconstructSpec) and job.spec.text == "The tram goes home."


def test_what_one_model_wrote_is_not_the_text_of_another(
    tiny_llama_folder: Path, tiny_neox_folder: Path
) -> None:
    app = open_page(None, tiny_llama_folder, source="The model's own continuation")
    app.button(key="write").click().run()
    (job,) = client.jobs()
    with transaction() as session:
        row = session.get(JobRow, job.id)
        assert row is not None
        row.state, row.result = "done", '{"text": "written by a llama"}'
    app.run()
    assert "written by a llama" in texts_of(app)
    app.text_input(key="other_model").set_value(str(tiny_neox_folder)).run()
    assert not app.exception and "written by a llama" not in texts_of(app)
    app.text_input(key="other_model").set_value(str(tiny_llama_folder)).run()
    assert "written by a llama" in texts_of(app)
