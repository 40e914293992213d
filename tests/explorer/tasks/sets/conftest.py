"""What tests of sets share: a quick spec on a tiny model, and a set made from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import tiny
from explorer.specs.jobs import GatheredText, SolveSetSpec

QUICK = tiny.QUICK.model_copy(update={"max_steps": 120})
TEXTS = (
    GatheredText(text="zzqq", context="letters"),
    GatheredText(text="xxvv", context="letters"),
    GatheredText(text="kkjj", context="others"),
    GatheredText(text="wwff", context="others"),
)
"""Texts that the tiny model learns within a hundred steps."""


@pytest.fixture
def spec(tiny_llama_folder: Path) -> Callable[..., SolveSetSpec]:
    """A set of two contexts, two texts each, two restarts of the second; keywords replace."""

    def make(**fields: Any) -> SolveSetSpec:
        asked = {
            "model": str(tiny_llama_folder),
            "source": "unseen",
            "contexts": 2,
            "continuations": 2,
            "restarts": 2,
            "context_length": 6,
            "texts": TEXTS,
            "length": 4,
            "regime": "free",
            "arrangement": "halves",
            "recipe": QUICK,
        }
        return SolveSetSpec.model_validate(asked | fields)

    return make
