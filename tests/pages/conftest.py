"""What every test of a page starts from."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st

from explorer.base import folders


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker, nothing that an earlier test left in Streamlit's caches, a visitor from here."""
    monkeypatch.setenv("EXPLORER_NO_WORKER", "1")
    visitor = SimpleNamespace(headers={"Host": "127.0.0.1:8501"}, ip_address=None, cookies={})
    monkeypatch.setattr(st, "context", visitor)
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def without_shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing that ships with the project."""
    monkeypatch.setattr(folders, "recorded", lambda: tmp_path / "nothing-ships")


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts of letters in place of the sentence model."""

    class Letters:
        def encode(self, texts: list[str], **_: object) -> np.ndarray:
            return np.array([[text.count(c) for c in "abcdefghijkl"] for text in texts])

    monkeypatch.setattr("explorer.geometry.text_distances.sentence_model", Letters)
