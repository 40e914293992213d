"""What a tokenizer changes in a text is said, and marked, before anything starts."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.driving import open_page


def _preview(app: AppTest) -> dict[str, Any]:
    parts = [json.loads(part.proto.json) for part in app.get("bidi_component") if part.proto.json]
    return next(part for part in parts if part.get("mode") == "preview")


@pytest.fixture
def small_letters(tiny_llama_folder: Path, tmp_path: Path) -> Path:
    """A model whose tokenizer makes letters small."""
    folder = Path(shutil.copytree(tiny_llama_folder, tmp_path / "model"))
    content = json.loads((folder / "tokenizer.json").read_text())
    changed = json.dumps(content | {"normalizer": {"type": "Lowercase"}})
    (folder / "tokenizer.json").write_text(changed)
    return folder


def test_an_experiment_and_a_set_say_it_before_they_start(
    tiny_llama_folder: Path, small_letters: Path
) -> None:
    for folder, said in ((tiny_llama_folder, False), (small_letters, True)):
        app = open_page("capacity", folder)
        assert not app.exception
        warnings = [w.value for w in app.warning if "tokenizer changes" in w.value]
        assert len(warnings) == said and all("it reads “" in warning for warning in warnings)
    app = open_page("sets", small_letters)
    assert not any("tokenizer changes" in warning.value for warning in app.warning)
    app.segmented_control(key="set_what").set_value("My own choice").run()
    app.session_state["set_typed"] = {
        "edited_rows": {0: {"text": "The heron waits by the Reservoir"}},
        "added_rows": [],
        "deleted_rows": [],
    }
    app.run()
    assert not app.exception
    assert any("reads “The” as “the”" in warning.value for warning in app.warning)


@pytest.mark.parametrize("normalizer", [None, {"type": "Lowercase"}])
def test_a_changed_text_is_said_and_marked(
    tiny_llama_folder: Path, tmp_path: Path, normalizer: dict[str, str] | None
) -> None:
    folder = Path(shutil.copytree(tiny_llama_folder, tmp_path / "model"))
    content = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(content | {"normalizer": normalizer}))
    app = open_page(None, folder)
    app.text_area(key="own_text").set_value("a heron waits by the Reservoir").run()
    assert not app.exception
    warnings = [warning.value for warning in app.warning]
    shown = _preview(app)
    marked = "".join(shown["groups"][g][2] for g in shown["altered"])
    if normalizer is None:
        assert warnings == [] and marked == ""
    else:
        assert "reads “Reservoir” as “reservoir”" in warnings[0]
        assert "r" in marked and "heron" not in marked
