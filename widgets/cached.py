"""What the web process keeps between reruns: small, immutable, shared by every session."""

from pathlib import Path

import streamlit as st

from explorer import store
from explorer.recording import Recording
from explorer.solutions import Solution
from explorer.tokenizing import Tokenizer


def tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer of a model folder."""
    return _tokenizer(folder, (folder / "tokenizer.json").stat().st_mtime_ns)


@st.cache_resource(max_entries=8, show_spinner=False)
def _tokenizer(folder: Path, stamp: int) -> Tokenizer:
    return Tokenizer.load(folder)


def run(folder: Path) -> tuple[Recording | None, list[Solution]]:
    """Return the recording and the solutions of a run that is over."""
    stamp = max((f.stat().st_mtime_ns for f in folder.glob("*.safetensors")), default=0)
    return _run(folder, stamp)


@st.cache_resource(max_entries=64, show_spinner=False)
def _run(folder: Path, stamp: int) -> tuple[Recording | None, list[Solution]]:
    return store.recording_of(folder / store.RECORDING), store.siblings(folder / store.RECORDING)
