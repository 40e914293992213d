"""The explorer as a library: load a model, train, draw, connect, look inside, save and open.

Every function is what a command of the command line does, without files in between; what they
return (`Solution`, `Recording`, `Paths`, `Inside`, `Chart`) is what the explorer stores and draws.
Bad input raises an `ExplorerError` whose message says what to do. docs/python.md is the guide.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from explorer.assets import catalog, packaged
from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import BadInputError, ExplorerError
from explorer.base.progress import Progress
from explorer.base.value import valid
from explorer.cli.assets import downloaded
from explorer.cli.devices import held, named
from explorer.figures import Chart, stored
from explorer.inside.result import Inside
from explorer.model.metrics import Score, score
from explorer.model.pool import ModelPool
from explorer.paths.result import Paths
from explorer.solutions.recording import Recording
from explorer.solutions.solution import Solution, load_solution, save_solution
from explorer.solutions.store import open_solution
from explorer.specs.arrangements import ArrangementChoice
from explorer.specs.cleaning import clean
from explorer.specs.curves import PathRecipe
from explorer.specs.jobs import MAX_CHARACTERS, InsideSpec, PathsSpec, ReconstructSpec
from explorer.specs.recipes import Recipe, preset
from explorer.tasks.inside.looking import InsideTask
from explorer.tasks.paths.connecting import Connecting
from explorer.tasks.reconstruct import Reconstruction
from explorer.tasks.task import finish
from explorer.texts.targets import target_ids
from explorer.training import StepReport

__all__ = [
    "Chart", "ExplorerError", "Inside", "Model", "PathRecipe", "Paths", "Recipe", "Recording",
    "Run", "Score", "Solution", "StepReport", "check", "connect", "draw", "load_model",
    "look_inside", "open_solution", "preset", "save_solution", "train",
]  # fmt: skip


@dataclass(frozen=True)
class Model:
    """A frozen model that is ready to compute.

    Attributes:
        name: as `--model` takes it.
        tokenizer: text to token ids and back.
        pool: where its weights are, in the number formats that have been needed so far.
    """

    name: str
    tokenizer: Tokenizer = field(repr=False)
    pool: ModelPool = field(repr=False)


@dataclass(frozen=True)
class Run:
    """What one training made.

    Attributes:
        solutions: one for each restart, by seed; `solution.record` says how good it is.
        recording: accuracy, loss and every output token, frame by frame, as the pages play it.
    """

    solutions: list[Solution]
    recording: Recording

    @property
    def best(self) -> Solution:
        """The solution with the highest accuracy; of several, the one that took fewest steps."""
        return max(self.solutions, key=lambda s: (s.record.accuracy, -s.record.steps))

    @property
    def exact(self) -> list[Solution]:
        """The solutions from which every token comes out right."""
        return [s for s in self.solutions if s.record.exact]


def load_model(name: str | Path = packaged.EMBEDDED_MODEL.name, device: str = "auto") -> Model:
    """Return a model by its name in the list, hub id or folder; download it if it is not here.

    Args:
        name: as `--model` takes it.
        device: `cpu`, `cuda`, `cuda:1`, or `auto` for the best of this machine.

    Raises:
        ModelError: if there is no such model, or it cannot be used.
        MissingAssetError: if it is not here and there is no network.
        BadInputError: if there is no such device.
    """
    import torch

    card = downloaded(catalog.from_here(str(name)))
    assert card.folder is not None
    pool = ModelPool(torch.device(named(device)))
    return Model(card.name, Tokenizer.load(card.folder), pool)


def train(
    model: Model,
    text: str,
    *,
    length: int | None = None,
    restarts: int = 4,
    seed: int = 0,
    recipe: Recipe | str = "fast",
    arrangement: ArrangementChoice = "auto",
    until: Literal["first", "all"] = "all",
    on_step: Callable[[StepReport], None] | None = None,
) -> Run:
    """Train e and m until the model outputs the text in one forward pass (section 3).

    Args:
        model: of `load_model`.
        text: its first tokens are the target.
        length: N, how many of them; None: all.
        restarts: random starts, trained side by side.
        seed: of the first; the others follow.
        recipe: how to train; a preset's name will do.
        arrangement: how e and m are laid out; `auto` as suits the model.
        until: `first` ends the others once one restart is exact.
        on_step: hears of every training step: steps, loss and accuracy of each restart. What it
            raises ends the training.

    Raises:
        BadInputError: if the text, a number or the recipe cannot be used.
        ModelError: if the model cannot be loaded.
    """
    given = {
        "model": model.name,
        "text": (text := clean(text)[:MAX_CHARACTERS]),  # as the command line does
        "restarts": restarts,
        "seed": seed,
        "until": until,
        "length": len(target_ids(text, model.tokenizer, length)),
        "arrangement": arrangement,
        "recipe": preset(recipe) if isinstance(recipe, str) else valid(Recipe, dict(recipe)),
    }
    spec = valid(ReconstructSpec, given)
    with _computing(model) as scratch:
        task = Reconstruction(spec, model.pool, scratch, None, scratch)

        def told(_: Progress) -> None:
            if on_step is not None and task.report is not None:
                on_step(task.report)

        finish(task, told)
        made = [load_solution(file) for _, file in sorted(task.solutions.items())]
        return Run(made, Recording.load(task.recording_file))


def check(model: Model, solution: Solution) -> Score:
    """Run the model once on e and m in float32, and compare its output with the target (Q8).

    Raises:
        ModelError: if the solution belongs to other weights.
    """
    record = solution.record
    with _computing(model):
        solution = _own(model, solution)
        exact = model.pool.of_solution(solution)
        ids = solution.target_ids.tolist()
        return score(exact, solution.e, solution.m, ids, record.arrangement, record.sink)


def connect(
    model: Model,
    a: Solution,
    b: Solution,
    *,
    recipe: PathRecipe | None = None,
    curve: Literal["bezier", "two-bends"] = "bezier",
) -> Paths:
    """Measure the straight line between two solutions of one text, and train a curve (E8).

    Raises:
        BadInputError: if they are not exact, or not of one text, model and arrangement, or the
            recipe cannot be used.
        ModelError: if the solutions belong to other weights.
    """
    checked = valid(PathRecipe, dict(recipe or PathRecipe()))  # `model_copy` checks nothing
    spec = valid(PathsSpec, {"curve": curve, "recipe": checked})
    with _computing(model) as scratch:
        pair = _own(model, a), _own(model, b)
        task = Connecting([pair], spec.curve, spec.recipe, model.pool, scratch)
        finish(task)
        return task.paths


def look_inside(
    model: Model, solution: Solution, *, swap_with: Sequence[Solution] = (), write: bool = False
) -> Inside:
    """Look inside the one forward pass: layers, attention, what of e and m is needed.

    Args:
        model: of `load_model`.
        solution: where to look.
        swap_with: other solutions with which e and m are swapped.
        write: also let the model go on writing after e and m.

    Raises:
        BadInputError: if the text is too long, or other solutions do not fit.
        ModelError: if the solution belongs to other weights.
    """
    spec = InsideSpec(solution=solution.record.id, write=write)
    with _computing(model) as scratch:
        solution, *others = (_own(model, each) for each in (solution, *swap_with))
        task = InsideTask(solution, spec, model.pool, scratch, None, others)
        finish(task)
        assert task.found is not None
        return task.found


def _own(model: Model, solution: Solution) -> Solution:
    """Return a solution as one of this model, which may lie elsewhere than where it was trained.

    Raises:
        ModelError: if it is of other weights.
    """
    model.pool.of_weights(model.name, solution.record.fingerprint)
    here = solution.record.model_copy(update={"model": model.name})
    return replace(solution, record=here)


def draw(result: Run | Recording | Paths | Inside) -> list[Chart]:
    """Return every chart of a result: `chart.figure` is Plotly's, `chart.table` has its numbers.

    Raises:
        BadInputError: if it is something else, such as one solution.
    """
    match result:
        case Run():
            return stored.of_recording(result.recording)
        case Recording():
            return stored.of_recording(result)
        case Paths():
            return stored.of_paths(result)
        case Inside():
            return stored.of_inside(result)
    raise BadInputError(
        f"A {type(result).__name__} has no chart. Give a run, its recording, paths or a look "
        "inside."
    )


@contextmanager
def _computing(model: Model) -> Iterator[Path]:
    """Hold the device, which a worker of the pages may use too; yield a folder for the while."""
    with held(str(model.pool.device)), tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch)
