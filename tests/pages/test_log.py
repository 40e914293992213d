"""The web process writes its own log: when it began, and pages that failed unexpectedly."""

import importlib.util
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.base import folders
from explorer.estimates import outlook
from explorer.solutions import store
from tests.pages.driving import APP, open_page

SECRET = "my diary"


def _log() -> str:
    return (folders.local() / "logs" / "web.log").read_text()


def test_the_server_says_when_it_began() -> None:
    open_page()
    assert _log().count("server began address=127.0.0.1 port=") == 1
    open_page("library")
    assert _log().count("server began") == 1, "once for each start"


def test_a_page_that_fails_is_told_without_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(store, "entries", fail)
    app = open_page("library")
    assert app.exception
    assert (
        "page failed\nTraceback" in _log() and "library.py" in _log() and "RuntimeError" in _log()
    )
    assert SECRET not in _log()


def test_the_first_page_says_how_long_a_text_usually_takes(
    tiny_llama_folder: Path,
) -> None:
    said = outlook.TextOutlook(20, 60, outlook.Expected(9.0, 272.0)).sentence
    assert said == "A text like this one usually takes 20 to 60 steps, about 9.0 s here."
    app = open_page(model=tiny_llama_folder)
    app.text_area(key="own_text").set_value("The heron waits by the reservoir.").run()
    captions = [caption.value for caption in app.caption]
    assert any("text like this one" in text for text in captions)


def test_what_nobody_foresaw_is_a_sentence_and_no_traceback() -> None:
    served = importlib.util.spec_from_file_location("served", APP)
    assert served is not None and served.loader is not None
    module = importlib.util.module_from_spec(served)
    served.loader.exec_module(module)
    told = module.app._on_script_error

    def page() -> None:
        import streamlit as st

        st.session_state["told"](RuntimeError("my diary"))

    assert told(RuntimeError(SECRET)) is True, "Streamlit would show its own box besides"
    app = AppTest.from_function(page)
    app.session_state["told"] = told
    app.run()
    assert not app.exception
    (error,) = app.error
    assert "reload the page" in error.value and SECRET not in error.value
