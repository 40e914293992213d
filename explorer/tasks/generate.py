"""Lets a model continue a context, token by token (D4)."""

from collections.abc import Iterator
from typing import Any

from explorer.assets import catalog
from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.base.progress import Progress
from explorer.model.metrics import generate
from explorer.model.pool import ModelPool
from explorer.specs.jobs import GenerateSpec
from explorer.tasks.task import Task


class Continuation(Task):
    """Samples from a model after a context, in float32 if that fits into memory.

    Attributes:
        text: what the model has written so far.
    """

    def __init__(self, spec: GenerateSpec, pool: ModelPool) -> None:
        """Load the model and read the context, or the end of one that is too long.

        Raises:
            MissingAssetError: if the model is not on this disk.
            BadInputError: if the text leaves no room for a context.
            ModelError: if the model cannot be loaded.
        """
        self.spec, self.text = spec, ""
        self.model = pool.confirming(*catalog.require(spec.model))
        room = self.model.max_positions - spec.length
        if room < 1:
            raise BadInputError(
                tr(
                    "{length} tokens leave no room for the context: this model has "
                    "{max_positions} positions. Ask for fewer.",
                    length=spec.length,
                    max_positions=self.model.max_positions,
                )
            )
        self._context = self.model.tokenizer.encode(spec.context)[-room:]
        self._ids: list[int] = []

    def _work(self) -> Iterator[Progress]:
        length = self.spec.length
        for token in generate(self.model, self._context, length, seed=self.spec.seed):
            self._ids.append(token)
            self.text = self.model.tokenizer.decode(self._ids)
            said = tr("{at} of {all} tokens are written.", at=len(self._ids), all=length)
            yield Progress(said, len(self._ids) / length)

    @property
    def result(self) -> dict[str, Any]:
        """The text so far, and the format it is sampled in."""
        said = {"text": self.text} if self._ids else {}
        return {"number_format": self.model.number_format} | said

    @property
    def notices(self) -> list[str]:
        """Whether the text depends on the machine."""
        if self.model.number_format == "float32":
            return []
        return [
            f"Written in {self.model.number_format}, since this model does not fit into memory in "
            "float32: another machine may write another text from the same seed."
        ]

    @property
    def outcome(self) -> str:
        """How long the text is."""
        return tr("{tokens} tokens are written.", tokens=len(self._ids))
