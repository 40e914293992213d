"""The gallery: which recorded runs the first page opens with, and what each of them shows."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from explorer.base.value import Value
from explorer.specs.arrangements import ArrangementKey
from explorer.specs.texts import OwnSpec, RandomSpec, TextSpec, UnseenSpec

FILE = Path(__file__).resolve().parent.parent / "data" / "gallery.toml"


class Example(Value):
    """One recorded run; a text of its own, or one that is drawn."""

    title: str = Field(max_length=40, description="What a person chooses it by.")
    shows: str = Field(max_length=240, description="What to see in it, in a line.")
    text: str | None = Field(None, description="The text itself.")
    unseen: int | None = Field(None, description="Else which of the unseen passages.")
    random: int | None = Field(None, description="Else the seed of random words.")
    length: int | None = Field(None, ge=1, description="N; None: the whole text.")
    arrangement: ArrangementKey = "e+mN"
    until: Literal["first", "all"] = Field("first", description="As in a job: when it ends.")

    @property
    def spec(self) -> TextSpec:
        """Where its text comes from."""
        if self.text is not None:
            return OwnSpec(text=self.text, title=self.title)
        if self.random is not None:
            return RandomSpec(seed=self.random)
        return UnseenSpec(seed=None, index=self.unseen or 0)


@lru_cache(maxsize=1)
def examples() -> dict[str, Example]:
    """Return every example by the name of its folder, in the order they are shown."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {name: Example.model_validate(fields) for name, fields in found.items()}
