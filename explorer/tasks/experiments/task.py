"""A run of an experiment from beginning to end: what the worker and the command line carry out."""

import shutil
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

from explorer.assets import catalog
from explorer.base.errors import BadInputError, CorruptFileError
from explorer.base.progress import Progress
from explorer.estimates import run_time
from explorer.experiments import cell_locks, runs
from explorer.experiments.catalogue import experiment
from explorer.experiments.runs import Cell, Done, Header, Run
from explorer.model.frozen import FrozenModel
from explorer.model.pool import ModelPool
from explorer.solutions.solution import now
from explorer.specs.arrangements import AUTO, ArrangementChoice
from explorer.specs.experiments import Settings
from explorer.specs.recipes import Recipe
from explorer.tasks.experiments.bench import CONTEXT_TOKENS, Bench
from explorer.tasks.experiments.measuring import measure
from explorer.tasks.task import Task
from explorer.training.probing import probed

OTHERS = "Waiting for another job, which measures what is left"


class CellTask(Task):
    """Measures one cell of a run, from its checkpoint if there is one.

    Attributes:
        done: what came of it, once it has ended.
    """

    done: Done

    def __init__(self, bench: Bench, settings: Settings, cell: Cell) -> None:
        """Begin, or go on from the checkpoint."""
        self.bench, self.cell = bench, cell
        self._cell_work = bench.begin(settings, cell)
        self._measuring = measure(bench, settings, cell)

    def _work(self) -> Iterator[Progress]:
        while True:
            try:
                inside = self._cell_work.advance(self._measuring)
            except StopIteration as end:
                rows = end.value
                break
            yield Progress(self.cell.title, inside)
        self.done = Done(
            key=self.cell.key,
            rows=rows,
            seconds=self._cell_work.seconds,
            finished=now(),
            computed=self.bench.computed,
        )

    @property
    def _checkpoint_due(self) -> bool:
        return self._cell_work.due

    def _checkpoint(self) -> None:
        self._cell_work.save()

    def discard(self) -> None:
        """Remove the checkpoint: the cell is kept."""
        self._cell_work.discard()

    @property
    def outcome(self) -> str:
        """That it is done."""
        return f"{self.cell.title}: measured."


class RunTask(Task):
    """Measures the cells of a run that are not done, one after the other.

    Attributes:
        run: the run as it stands, the same as on the disk.
        resumed: whether a part of it was there already.
    """

    makes = "run"

    def __init__(
        self,
        settings: Settings,
        pool: ModelPool,
        *,
        preset: str = "custom",
        job: str | None = None,
    ) -> None:
        """Load the model and what there is of the run.

        Raises:
            MissingAssetError: if the model is not on this disk.
            ModelError: if it cannot be loaded.
            BadInputError: if a text is longer than the model's positions.
        """
        card = catalog.find(settings.model)
        location = catalog.require(settings.model)
        precision = settings.recipe.precision if hasattr(settings, "recipe") else "auto"
        model = pool.searching(*location, precision)
        exact = pool.confirming(*location, precision)
        _require_room(settings, model)
        asked, settings = settings, _settled(settings, model, exact)
        self.experiment = experiment(settings.experiment)
        name = runs.run_id(settings, model.fingerprint)
        folder = runs.folder_of(name)
        self.bench = Bench(model, exact, folder, run=name, job=job)
        self._timing = (model, *run_time.step(asked))
        self.run = self._begin(settings, preset, card.parameters, name, job)
        self._known = len(self.run.done)
        self._cell: Cell | None = None  # under way
        self.resumed = self._known > 0

    def _begin(
        self, settings: Settings, preset: str, parameters: int | None, name: str, job: str | None
    ) -> Run:
        folder = runs.folder_of(name)
        try:
            return runs.load(folder)
        except CorruptFileError:
            if (folder / runs.HEADER_FILE).is_file():
                raise  # what is there is not thrown away
        model = self.bench.model
        header = Header(
            id=name,
            settings=settings,
            preset=preset,
            fingerprint=model.fingerprint,
            parameters=parameters,
            d_model=model.d_model,
            rotary=has_rotary_positions(model),
            device=self.bench.computed.sentence,
            created=now(),
            job=job,
        )
        return Run(header, runs.save_header(header), ())

    def steps(self) -> Generator[Progress, None, None]:
        """Measure what is left; yield after every step. Each finished cell is kept at once.

        Other jobs and processes may measure the same run: a cell that one of them is at is left to
        it, and where nothing else is left this waits (`Waiting`) for what becomes of it.
        """
        while True:
            self._read_again()
            left = self.experiment.left(self.run)
            if not left:
                shutil.rmtree(runs.work_of(self.run.header.id), ignore_errors=True)
                return
            claimed = cell_locks.first_free(self.run.header.id, left)
            if claimed is None:
                yield from cell_locks.rest(self._progress(OTHERS))
                continue
            cell, claim = claimed
            with claim:
                yield self._progress(cell.title)
                self._read_again()  # it may have been finished between the look and the claim
                if cell.key not in self.run.keys:
                    self._cell = cell
                    yield from self._work()
            yield self._progress(cell.title)

    def _read_again(self) -> None:
        """Learn what other processes have finished."""
        self.run = Run(self.run.header, self.run.folder, runs.load(self.run.folder).done)

    def _work(self) -> Iterator[Progress]:
        """Measure the cell that was claimed, from its checkpoint if there is one, and keep it."""
        cell = self._cell
        assert cell is not None
        measuring = CellTask(self.bench, self.run.settings, cell)
        with closing(measuring.steps()) as steps:
            for inside in steps:
                yield self._progress(cell.title, inside.fraction)
        cell_locks.keep(self.run, measuring.done)
        measuring.discard()
        self._read_again()

    @property
    def timing(self) -> tuple[FrozenModel, int, ArrangementChoice, Recipe]:
        """Of a step of the settings as they were asked for."""
        return self._timing

    @property
    def result(self) -> dict[str, Any]:
        """The id of the run."""
        return {self.makes: self.run.header.id}

    @property
    def notices(self) -> list[str]:
        """How much there was already."""
        went_on = f"Cells that were there already: {self._known}. This job went on with the run."
        return [went_on] if self.resumed else []

    @property
    def outcome(self) -> str:
        """How many cells there are by now."""
        return f"Cells measured: {len(self.run.done)}."

    def _progress(self, title: str, inside: float = 0.0) -> Progress:
        under_way = {self._cell.key: inside} if self._cell else {}
        fraction = run_time.fraction(self.experiment, self.run, under_way)
        left = run_time.left(self.experiment, self.run)
        done, open_ = len(self.run.done), len(self.experiment.left(self.run))
        return Progress(f"{title}: {done} of {done + open_} cells{left}.", fraction)


def _settled(settings: Settings, model: FrozenModel, exact: FrozenModel) -> Settings:
    """Return the settings with what was left open as it suits the model; the run records that."""
    open_ = [f for f in ("arrangement", "layout") if getattr(settings, f, None) == AUTO]
    if not open_:
        return settings
    found = probed(model, lambda: exact)
    return settings.model_copy(update={field: getattr(found, field) for field in open_})


def has_rotary_positions(model: FrozenModel) -> bool:
    """Return whether the model's positions leave the values alone, as rotary ones do (I5)."""
    config = model.network.config
    if getattr(config, "alibi", False):
        return True
    turned = getattr(config, "rope_parameters", None) or getattr(config, "rope_theta", None)
    return bool(turned) and getattr(config, "position_embedding_type", "rotary") != "absolute"


def _require_room(settings: Settings, model: FrozenModel) -> None:
    """Refuse lengths that the model was not made for, before anything is computed."""
    lengths = [
        *getattr(settings, "lengths", ()),
        *getattr(settings, "ladder", ()),
        getattr(settings, "length", 1),
    ]
    generated = "generated" in getattr(settings, "sources", (getattr(settings, "source", ""),))
    before = CONTEXT_TOKENS if generated else 2
    after = f" after {CONTEXT_TOKENS} tokens of context" if generated else ""
    if max(lengths) + before > model.max_positions:
        raise BadInputError(
            f"N = {max(lengths)}{after} is longer than the {model.max_positions} positions this "
            "model was made for. Leave out the longer lengths."
        )
