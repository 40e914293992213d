"""Finds out what a model's first position can say, before something that depends on it is made."""

from collections.abc import Iterator
from typing import Any
from weakref import WeakValueDictionary

from explorer.assets import catalog
from explorer.base.language import tr
from explorer.base.progress import Progress
from explorer.model.pool import ModelPool
from explorer.tasks.task import Task
from explorer.training import probing
from explorer.training.probing import Probing

_under_way: WeakValueDictionary[str, Probing] = WeakValueDictionary()
"""By fingerprint: thirty people who begin with a new model take the steps of one probe in turns."""


class Probe(Task):
    """Takes the steps of a model's probe, if what was asked for depends on it and it is not known.

    Whoever stops or pauses leaves it where it is, for the others who need it.
    """

    def __init__(self, asked: Any, pool: ModelPool) -> None:
        """Load the model.

        Args:
            asked: has a model; maybe a recipe, an arrangement or several, and a layout.
            pool: where models come from.

        Raises:
            MissingAssetError: if the model is not on this disk.
            ModelError: if it cannot be loaded.
        """
        location = catalog.require(asked.model)
        precision = asked.recipe.precision if hasattr(asked, "recipe") else "auto"
        self._model = pool.searching(*location, precision)
        self._exact = pool.in_float32(*location)
        fields = [f for f in ("arrangement", "layout") if hasattr(asked, f)]
        choices = [*getattr(asked, "arrangements", ()), *(getattr(asked, f) for f in fields)]
        self._needed = probing.is_needed(choices, self._model)

    def _work(self) -> Iterator[Progress]:
        if not self._needed or probing.known(self._model) is not None:
            return
        under_way = _under_way.get(self._model.fingerprint)
        if under_way is None:
            under_way = Probing(self._exact() if self._exact else self._model)
            _under_way[self._model.fingerprint] = under_way
        while under_way.found is None:
            share = f"{under_way.fraction:.0%}"
            said = tr("Finding out once what suits this model: {share}.", share=share)
            yield Progress(said, 0.0)  # nothing of what was asked for is done yet
            if under_way.found is None:  # else another job has taken the last step
                under_way.step()
                if under_way.found is not None:
                    probing.keep(under_way.found)

    @property
    def outcome(self) -> str:
        """What is said of a job that is stopped before its own work begins."""
        return tr("Stopped before training began.")
