"""A link with an assignment fills the form, and the form makes such a link."""

from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer.jobs import client
from explorer.people.assignment import Assignment
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import FAST, PAPER
from tests.pages.driving import open_page, texts_of

TEXT = "The heron waits by the reservoir; nobody *knows* why."


def follow(model: Path, link: str) -> AppTest:
    return open_page(None, model, **dict(parse_qsl(link.removeprefix("?"))))


def test_a_link_fills_the_form_and_start_asks_for_exactly_that(tiny_llama_folder: Path) -> None:
    recipe = PAPER.model_copy(update={"name": "paper, changed", "lr": 0.02, "max_steps": 900})
    made = Assignment(
        text=TEXT, n=5, restarts=3, seed=11, until="all", arrangement="halves", recipe=recipe
    )
    app = follow(tiny_llama_folder, made.query)
    assert not app.exception and not app.error and "This is an assignment" in texts_of(app)
    app.button(key="start").click().run()
    assert not app.exception
    (job,) = client.jobs()
    assert isinstance(job.spec, ReconstructSpec)
    assert (job.spec.text, job.spec.length, job.spec.restarts) == (TEXT, 5, 3)
    assert (job.spec.seed, job.spec.until, job.spec.arrangement) == (11, "all", "halves")
    assert job.spec.recipe == recipe


def test_what_is_filled_in_can_be_changed(tiny_llama_folder: Path) -> None:
    app = follow(tiny_llama_folder, Assignment(text=TEXT, n=5, restarts=3).query)
    app.text_area(key="own_text").set_value("A tram at night").run()
    app.number_input(key="restarts").set_value(2).run()
    app.button(key="start").click().run()
    (job,) = client.jobs()
    assert isinstance(job.spec, ReconstructSpec)
    assert (job.spec.text, job.spec.restarts) == ("A tram at night", 2)


def test_a_model_that_is_named_is_chosen() -> None:
    app = open_page(text=TEXT, on="EleutherAI/pythia-160m")
    assert app.selectbox(key="model").value == "EleutherAI/pythia-160m"
    app = open_page(text=TEXT, on="somebody/a-model")
    assert app.selectbox(key="model").value == "other"
    assert app.text_input(key="other_model").value == "somebody/a-model"


def test_a_link_that_cannot_be_used_is_a_sentence_above_an_empty_form(
    tiny_llama_folder: Path,
) -> None:
    app = open_page(None, tiny_llama_folder, text=TEXT, n="many")
    assert not app.exception and "cannot be used" in app.error[0].value
    assert app.number_input(key="restarts").value == 4 and "Start" in [b.label for b in app.button]


@pytest.mark.parametrize("url", [None, "http://192.168.1.5:8501/", "http://127.0.0.1:8501/"])
def test_the_form_becomes_a_link_with_a_code(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch, url: str | None
) -> None:
    monkeypatch.setattr(st.context, "url", url, raising=False)
    app = follow(tiny_llama_folder, Assignment(text=TEXT, n=5).query)
    app.number_input(key="seed").set_value(4).run()
    app.button(key="share").click().run()
    assert not app.exception and not app.error
    made = Assignment(text=TEXT, n=5, seed=4, recipe=FAST).query
    (link,) = [code.value for code in app.code if "text=" in code.value]
    assert link == (url or "") + made
    alone = url is None or "127.0.0.1" in url
    assert ("works on this machine only" in texts_of(app)) == alone


def test_a_text_that_is_too_long_is_cut_behind_its_target(tiny_llama_folder: Path) -> None:
    app = open_page(None, tiny_llama_folder)
    app.text_area(key="own_text").set_value("word " * 300).run()
    app.button(key="share").click().run()
    assert not app.exception and not app.error
    (link,) = [code.value for code in app.code if "text=" in code.value]
    assert len(link) < 400
