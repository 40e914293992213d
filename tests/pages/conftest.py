"""What every test of a page starts from."""

import functools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner

from explorer.base import folders


@pytest.fixture(scope="session", autouse=True)
def _packages_are_searched_once() -> Iterator[None]:
    """Look for components in the installed packages once, not whenever a page is opened."""
    with pytest.MonkeyPatch.context() as patch:
        search = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", search)
        yield


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker, nothing that an earlier test left in Streamlit's caches, a visitor from here."""
    monkeypatch.setenv("EXPLORER_NO_WORKER", "1")
    visitor = SimpleNamespace(
        headers={"Host": "127.0.0.1:8501"}, ip_address=None, cookies={}, url=None
    )
    monkeypatch.setattr(st, "context", visitor)
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def without_shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing that ships with the project."""
    monkeypatch.setattr(folders, "recorded", lambda: tmp_path / "nothing-ships")
