"""A run of an experiment from beginning to end: what the worker and the command line carry out."""

import shutil
from collections.abc import Iterator

from explorer.assets import catalog
from explorer.base.errors import BadInputError, CorruptFileError
from explorer.base.language import later, tr
from explorer.base.progress import Progress
from explorer.estimates import run_time
from explorer.experiments import runs
from explorer.experiments.catalogue import experiment
from explorer.experiments.definition import module_of
from explorer.experiments.runs import Cell, Done, Header, Run
from explorer.experiments.taking_over import take_over
from explorer.model.frozen import FrozenModel
from explorer.model.pool import ModelPool
from explorer.solutions.solution import now
from explorer.specs.arrangements import AUTO
from explorer.specs.experiments import Settings
from explorer.tasks.experiments.bench import CONTEXT_TOKENS, Bench, Measuring
from explorer.tasks.task import SharedTask
from explorer.training.probing import arrangement_for, probed

OTHERS = later("Waiting for another job, which measures what is left")


class RunTask(SharedTask):
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
        self.id = runs.run_id(settings, model.fingerprint)
        self.bench = Bench(model, exact, runs.folder_of(self.id), run=self.id, job=job)
        self.timing = (model, *run_time.step(asked))
        self.folder, self.scratch = self.bench.folder, runs.work_of(self.id)
        self.run = self._begin(settings, preset, card.parameters, job)
        self._known = len(self.run.done)
        self.resumed = self._known > 0

    def _begin(
        self, settings: Settings, preset: str, parameters: int | None, job: str | None
    ) -> Run:
        try:
            return take_over(self.experiment, runs.load(self.folder))
        except CorruptFileError:
            if (self.folder / runs.HEADER_FILE).is_file():
                raise  # what is there is not thrown away
        model = self.bench.model
        header = Header(
            id=self.id,
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
        return take_over(self.experiment, Run(header, runs.save_header(header), ()))

    def _left(self) -> list[str]:
        """Learn what other processes have finished; return the keys of the cells that are left."""
        self.read_again()
        left = self.experiment.left(self.run)
        if not left:
            shutil.rmtree(self.scratch, ignore_errors=True)
        return [cell.key for cell in left]

    def read_again(self) -> None:
        """Learn which cells there are on the disk."""
        self.run = Run(self.run.header, self.folder, runs.load(self.folder).done)

    @property
    def _cell(self) -> Cell:
        """The cell that was claimed."""
        cells = self.experiment.cells(self.run.settings)
        return next(cell for cell in cells if cell.key == self._part)

    def _work(self) -> Iterator[Progress]:
        """Measure the cell that was claimed, from its checkpoint if there is one, and keep it."""
        cell = self._cell
        work = self.bench.begin(self.run.settings, cell)
        module = module_of("explorer.tasks.experiments", self.run.settings.experiment)
        measuring: Measuring = module.measure(self.bench, self.run.settings, cell)
        while True:
            try:
                self.inside = work.advance(measuring)
            except StopIteration as end:
                rows = end.value
                break
            self.next_step = work.next_step
            yield self._progress()
            self.next_step = None
        done = Done(
            key=cell.key,
            rows=rows,
            seconds=work.seconds,
            finished=now(),
            computed=self.bench.computed,
        )
        runs.append(self.folder, done)
        work.discard()
        self._left()

    def _checkpoint(self) -> None:
        self.bench.work.save()

    @property
    def notices(self) -> list[str]:
        """How much there was already."""
        went_on = tr(
            "Cells that were there already, and are not measured again: {known}.",
            known=self._known,
        )
        return [went_on] if self.resumed else []

    @property
    def outcome(self) -> str:
        """How many cells there are by now."""
        return tr("{cells} cells are measured.", cells=len(self.run.done))

    def _progress(self) -> Progress:
        return self._said(self._cell.title, {self._part: self.inside})

    def _others(self) -> Progress:
        return self._said(OTHERS, {})

    def _said(self, title: str, under_way: dict[str, float]) -> Progress:
        fraction = run_time.fraction(self.experiment, self.run, under_way)
        done, open_ = len(self.run.done), len(self.experiment.left(self.run))
        said = {"title": title, "done": done, "all": done + open_}
        left = run_time.left(self.experiment, self.run)
        return Progress(
            tr("{title}: {done} of {all} cells are done, about {time} left.", **said, time=left)
            if left
            else tr("{title}: {done} of {all} cells are done.", **said),
            fraction,
        )


def _settled(settings: Settings, model: FrozenModel, exact: FrozenModel) -> Settings:
    """Return the settings with what was left open as it suits the model; the run records that.

    An arrangement that is named and has a sink makes sure that the model's is known.
    """
    open_ = [f for f in ("arrangement", "layout") if getattr(settings, f, None) == AUTO]
    named = {getattr(settings, "arrangement", AUTO), *getattr(settings, "arrangements", ())} - {
        AUTO
    }
    for key in named:
        arrangement_for(key, model, lambda: exact)
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
    generated = "generated" in settings.drawn_from
    before = CONTEXT_TOKENS if generated else 2
    context = tr(" after {count} tokens of context", count=CONTEXT_TOKENS)
    after = context if generated else ""
    if settings.longest + before > model.max_positions:
        raise BadInputError(
            tr(
                "N = {lengths}{after} is longer than the {max_positions} positions this "
                "model was made for. Leave out the longer lengths.",
                lengths=settings.longest,
                after=after,
                max_positions=model.max_positions,
            )
        )
