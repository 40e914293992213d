"""What every experiment has in common; `catalogue` lists them. Free of torch."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel

from explorer.assets.catalog import ModelCard
from explorer.base.errors import BadInputError
from explorer.base.formatting import counted, human_seconds
from explorer.base.language import later, tr
from explorer.base.value import valid
from explorer.experiments.rules import RULES, Rule
from explorer.experiments.runs import Cell, Run
from explorer.experiments.verdicts import Finding
from explorer.specs.arrangements import ARRANGEMENTS, AUTO
from explorer.specs.experiments import Name, Settings
from explorer.specs.texts import SOURCES

S = TypeVar("S", bound=BaseModel)
MINUTES, EVENING, PAPER = later("minutes"), later("evening"), later("paper")
CHANGED, MODIFIED = later("{name}, changed"), later("{name}, modified")
"""A preset some of whose settings are others; one that has other settings itself since then."""
PRESETS = {
    MINUTES: later("Minutes on a laptop"),
    EVENING: later("An evening"),
    PAPER: later("The paper's own size (for GPUs)"),
}
"""Sizes in which every experiment comes, with their words."""


@dataclass(frozen=True)
class Experiment:
    """One of the paper's experiments.

    Its tables, findings and notes are of runs with at least one finished cell.

    Attributes:
        name: on the command line and in files.
        title: of its page.
        question: what it asks, in a sentence or two.
        checklist: ids it realises.
        settings: class of its settings.
        minutes: fields of the settings of that size; what is left out keeps its default.
        evening: the same of a size that is made to decide.
        paper: the same of the paper's own.
        cells: the grid of settings, in the order in which it is measured. A cell whose
            `needs` are not met by what is done is left out by `skip`.
        grid: names of the settings that only say which cells there are: where nothing else
            differs, a cell is measured alike.
        protocol: what was done, in one sentence without model and date.
        tables: what the measurements add up to, by title; the first is the main one.
        findings: what of the paper's findings the run shows.
        notes: what a reader of all of a run's numbers has to know, in sentences.
        skip: given a run and one of its cells, why the cell need not be measured, or None.
    """

    name: Name
    title: str
    question: str
    checklist: tuple[str, ...]
    settings: type[BaseModel]
    minutes: Mapping[str, Any]
    evening: Mapping[str, Any]
    paper: Mapping[str, Any]
    cells: Callable[[Any], list[Cell]]
    protocol: Callable[[Any], str]
    tables: Callable[[Run], dict[str, pd.DataFrame]]
    findings: Callable[[Run], list[Finding]] = field(default=lambda run: [])
    skip: Callable[[Run, Cell], str | None] = field(default=lambda run, cell: None)
    notes: Callable[[Run], list[str]] = field(default=lambda run: [])
    grid: tuple[str, ...] = ()

    @property
    def presets(self) -> dict[str, Mapping[str, Any]]:
        """Fields of the settings by the name of the size."""
        return {MINUTES: self.minutes, EVENING: self.evening, PAPER: self.paper}

    @property
    def rules(self) -> dict[str, Rule]:
        """What counts as shown, by the finding that this experiment's runs speak of."""
        return {name: rule for name, rule in RULES.items() if rule.experiment == self.name}

    def preset(self, name: str, card: ModelCard) -> Settings:
        """Return the settings of a preset for a model; what suits it is found when the run begins.

        Raises:
            BadInputError: if there is no such preset.
        """
        if name not in self.presets:
            raise BadInputError(
                tr(
                    "There is no preset “{name}”. Choose one of: {names}.",
                    name=name,
                    names=", ".join(self.presets),
                )
            )
        fields = self.settings.model_fields
        left_open: dict[str, Any] = {
            name: AUTO for name in ("arrangement", "layout") if name in fields
        }
        asked: dict[str, Any] = {"model": card.name, **left_open, **self.presets[name]}
        return self.make(asked)

    def make(self, fields: Mapping[str, Any]) -> Settings:
        """Return validated settings.

        Raises:
            BadInputError: if a field is unknown or cannot be used, with a sentence.
        """
        made: Any = valid(self.settings, fields)
        settings: Settings = made
        return settings

    def left(self, run: Run) -> list[Cell]:
        """Return the cells that are still to be measured."""
        cells = self.cells(run.settings)
        return [c for c in cells if c.key not in run.keys and self.skip(run, c) is None]

    def size(self, run: Run) -> str:
        """Return the name of a run's preset, checked against its settings as they are today."""
        name = run.header.preset
        if name not in self.presets:
            return name
        with contextlib.suppress(BadInputError):  # today's fields do not go with the run's others
            if self.make(run.settings.model_dump() | dict(self.presets[name])) == run.settings:
                return name
        return MODIFIED.format(name=name)

    def size_in_words(self, run: Run) -> str:
        """Return `size` in the language of who looks."""
        size = self.size(run)
        name, _, more = size.partition(", ")
        shape = next((s for s in (CHANGED, MODIFIED) if more and s.endswith(more)), "{name}")
        return tr(shape, name=tr(name))

    def sentence(self, run: Run) -> str:
        """Say everything that a reader of its figures has to know, in one sentence."""
        header = run.header
        model = header.settings.model.rpartition("/")[2]
        recipe = getattr(header.settings, "recipe", None)
        arrangement = getattr(header.settings, "arrangement", None)
        asked = [self.protocol(run.settings)]
        if arrangement:
            asked.append(tr("arrangement {id}", id=ARRANGEMENTS[arrangement].checklist_id))
        if recipe:
            title, steps = recipe.short_title, counted(recipe.max_steps, "step")
            asked.append(tr("recipe “{title}” ({digest})", title=title, digest=recipe.digest))
            asked.append(tr("at most {steps}", steps=steps))
        took = tr("{time} of computing", time=human_seconds(run.seconds))
        done = [run.devices, header.created[:10], took]
        if left := len(self.left(run)):
            done.append(tr("{cells} not measured yet", cells=counted(left, "cell")))
        return f"{model}: {', '.join(asked)}; {', '.join(done)}."


def in_words(source: str) -> str:
    """Return how a text source is called inside a sentence."""
    words = {str(key): value for key, value in SOURCES.items()}
    return tr(words.get(source, source)).partition(" (")[0]


def settings_of(run: Run, kind: type[S]) -> S:
    """Return the run's settings as the class they are.

    Raises:
        BadInputError: if it is a run of another experiment.
    """
    if not isinstance(run.settings, kind):
        raise BadInputError(
            tr(
                "The run {id} is of the experiment “{name}”.",
                id=run.header.id,
                name=run.settings.experiment,
            )
        )
    return run.settings


def the_same(texts: int) -> str:
    """Return how many texts all cells of a grid have in common, inside a sentence."""
    return tr("the same text") if texts == 1 else tr("the same {count} texts", count=texts)


def of_lengths(lengths: Sequence[int]) -> str:
    """Return which N there are, inside a sentence."""
    first, last = lengths[0], lengths[-1]
    return f"{first}" if first == last else tr("{first} to {last}", first=first, last=last)


def best_of(restarts: int) -> str:
    """Return which restart of a text counts, inside a sentence."""
    return (
        tr("one restart") if restarts == 1 else tr("the best of {count} restarts", count=restarts)
    )


def module_of(package: str, name: Name) -> Any:
    """Return an experiment's module in a package: the one that is called as the experiment is."""
    return import_module(f"{package}.{name.replace('-', '_')}")
