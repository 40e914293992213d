"""Whatever stands in a link or a field is a page or a sentence, never a traceback."""

import ast
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st

from explorer.base import folders
from explorer.jobs import client
from tests.pages.driving import open_page, texts_of

PAGES = sorted(file.stem for file in (folders.PROJECT / "pages").glob("[!_]*.py"))
PARAMETERS = (
    *("job", "solution", "record", "run", "set", "paths", "pair", "radius", "a", "b"),
    *("model", "source", "find", "room", "colour", "metric", "method", "vector", "host", "whose"),
    *("text", "n", "restarts", "seed", "until", "arrangement", "on", "recipe", "recipe_lr"),
)
ODD = ("~nosuchuser", "x" * 5000, "a\0b", "²", "/etc", "~nosuchuser/x.safetensors")
NARROWER = ((), ("job",), ("job", "solution", "radius", "record", "model", "source"))
"""What is left out of a link, so that the rest of it is looked at."""


@pytest.mark.parametrize("page", PAGES)
def test_any_link_is_a_page_or_a_sentence(page: str) -> None:
    app = open_page(page)
    for turn, left_out in enumerate(NARROWER):
        for number, name in enumerate(PARAMETERS):
            app.query_params[name] = ODD[(2 * turn + number) % len(ODD)]
        for name in left_out:
            del app.query_params[name]
        app.run()
        assert not app.exception, (dict(app.query_params), app.exception)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_string_that_streamlit_would_show(page: str) -> None:
    code = ast.parse((folders.PROJECT / "pages" / f"{page}.py").read_text())
    strings = [
        n for n in code.body if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)
    ]
    assert len(strings) == 1, "the page's own docstring, and no other"


def test_a_record_and_a_pair_that_cannot_be_are_sentences() -> None:
    app = open_page("paths", record="~nosuchuser")
    assert not app.exception and len(app.error) == 1
    app = open_page("landscape", pair="²")  # a digit that is no number
    assert not app.exception


def test_a_context_that_is_too_long_is_a_sentence(tiny_llama_folder: Path) -> None:
    app = open_page(None, tiny_llama_folder)
    app.selectbox(key="source").set_value("generated").run()
    app.text_area(key="context").set_value("word " * 4_001).run()
    app.button(key="write").click().run()
    assert not app.exception and not client.jobs()
    assert "at most 20,000 characters" in texts_of(app)


def test_a_gathered_text_that_is_too_long_is_a_sentence(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = pd.DataFrame({"context": ["", None], "text": ["a" * 200_001, "b"]}, dtype="string")
    monkeypatch.setattr(st, "data_editor", lambda *_, **__: typed)
    app = open_page("sets", tiny_llama_folder)
    app.segmented_control(key="set_what").set_value("My own choice").run()
    assert not app.exception and "at most 200,000 characters" in texts_of(app)


def test_more_sets_than_a_map_holds_are_a_sentence(
    make_set: Callable[..., str], without_shipped: None
) -> None:
    made = [make_set(seed=n, contexts=1, texts=1, restarts=2) for n in range(21)]
    app = open_page("maps")
    app.multiselect(key="chosen_sets").set_value(made).run()
    assert not app.exception
    assert "at most 20 values. Choose fewer" in texts_of(app)
