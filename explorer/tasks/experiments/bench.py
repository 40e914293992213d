"""What every experiment measures with: the model, texts, training rows, keeping solutions."""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch

from explorer import __version__
from explorer.base.errors import BadInputError
from explorer.base.files import write_atomically
from explorer.base.language import tr
from explorer.base.provenance import Computed
from explorer.experiments.runs import SOLUTIONS, Cell, checkpoint_name, work_of
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import h_lm
from explorer.runtime.interruption import Interrupted, abandonable
from explorer.solutions.solution import Memory, Solution, save_solution
from explorer.specs.experiments import Settings
from explorer.specs.recipes import Recipe
from explorer.tasks.sampling import TRIES, continuation
from explorer.texts.drawing import draw_many
from explorer.training import Outcome, Row, Trainer
from explorer.training.checkpoint import Checkpoint, Saved
from explorer.training.layouts import Layout
from explorer.training.shared_pass import Step
from explorer.training.solved import solution_of

T = TypeVar("T")

Measuring = Generator[float, None, list[dict[str, object]]]
"""Yields the part of a cell that is done, 0 to 1, and returns its rows."""

CONTEXT_TOKENS = 64
"""What the model reads before it writes a generated text."""


@dataclass(frozen=True)
class TargetText:
    """A text of an experiment.

    Attributes:
        ids: its token ids, as many as were asked for.
        text: the same, decoded.
        title: where it comes from.
        source: key of its source.
    """

    ids: tuple[int, ...]
    text: str
    title: str
    source: str


class CellWork:
    """Goes on with a cell where a kill, or somebody's Stop, has left it.

    A cell is measured by a function that begins anew and asks for the same trainings in the same
    order: those that were over are not trained again, and the one under way goes on at its step.

    Attributes:
        seconds: compute time of the cell so far, with that before a kill.
        next_step: the step that comes next, where it may be taken with those of other tasks.
    """

    def __init__(self, kept: Checkpoint | None = None) -> None:
        """Take up the cell's checkpoint, if there is one; None: nothing is kept."""
        self._kept = kept
        saved: Saved | None = kept.read() if kept else None
        self._saved = saved
        self.seconds: float = saved.values["seconds"] if saved else 0.0
        self._known: dict[str, Any] = saved.values["known"] if saved else {}
        self._engines: list[Trainer] = []
        self.next_step: Step[Any] | None = None

    @property
    def spent(self) -> float:
        """Compute time of the steps of the training that was begun last."""
        return self._engines[-1].spent

    def train(self, engine: Trainer, *, alone: bool = False) -> Iterator[float]:
        """Train to the end, from where the cell was left; yield the part done before each step.

        Args:
            engine: the training.
            alone: whether no other task may share its passes, since their seconds are compared.
        """
        k, saved = len(self._engines), self._saved
        if saved is not None and not saved.restore(k, engine) and k < saved.trainings:
            self._saved, self._known, self.seconds = None, {}, 0.0  # all of it is of other rows
        self._engines.append(engine)
        while not engine.finished:
            step, before = Step(engine), engine.spent
            self.next_step = None if alone else step
            yield engine.fraction
            self.next_step = None
            self.seconds += engine.spent - before  # of a step that was taken with others'
            with contextlib.suppress(Interrupted):  # it stands; whoever wants that closes this
                step.take()

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return a plain value of the cell; it is made once, whatever happens in between."""
        if name not in self._known:
            self._known[name] = make()
        known: T = self._known[name]
        return known

    def advance(self, measuring: Iterator[float]) -> float:
        """Let the cell be measured one step further; return the part that is done.

        Raises:
            StopIteration: at its end, with its rows.
        """
        started = time.perf_counter()
        try:
            return next(measuring)
        finally:
            self.seconds += time.perf_counter() - started

    def save(self) -> None:
        """Write a checkpoint.

        Raises:
            StorageError: if the disk refuses.
        """
        again = self._saved is None or len(self._engines) >= self._saved.trainings
        if self._kept is not None and again:  # else not all that was taken up was asked for yet
            self._kept.save(self._engines, seconds=self.seconds, known=self._known)

    def discard(self) -> None:
        """Remove the checkpoint: the cell is done."""
        if self._kept is not None:
            self._kept.discard()


class Bench:
    """A model at work on one run.

    Attributes:
        model: runs the search.
        exact: the same weights in float32, which confirm results.
        folder: of the run.
        job: id of the job, None from a shell.
        work: the cell under way.
    """

    def __init__(
        self,
        model: FrozenModel,
        exact: FrozenModel,
        folder: Path,
        *,
        run: str,
        job: str | None = None,
    ) -> None:
        self.model, self.exact, self.folder, self.job = model, exact, folder, job
        self._run = run
        self.work = CellWork()
        self._nats: dict[tuple[int, ...], tuple[float, int]] = {}
        self._drawn: dict[tuple[str, int, int, int], list[TargetText]] = {}

    def begin(self, settings: Settings, cell: Cell) -> CellWork:
        """Take up a cell: where its checkpoint is, or at its beginning."""
        asked = [settings.model_dump(mode="json"), cell.model_dump(mode="json")]
        file = work_of(self._run) / checkpoint_name(cell.key)
        self.work = CellWork(Checkpoint(file, self.model, asked))
        return self.work

    def texts(
        self, source: str, count: int, length: int, seed: int
    ) -> Generator[float, None, list[TargetText]]:
        """Return `count` texts of `length` tokens; the same ones for a shorter length.

        Yields while the model writes them, which takes long.

        Raises:
            BadInputError: if the source has too few that are long enough.
            MissingAssetError: if it is not on this disk and cannot be reached.
        """
        key = (source, count, length, seed)
        if key not in self._drawn:
            self._drawn[key] = (
                (yield from self._generated(count, length, seed))
                if source == "generated"
                else self._passages(source, count, length, seed)
            )
        return self._drawn[key]

    def _passages(self, source: str, count: int, length: int, seed: int) -> list[TargetText]:
        tokenizer = self.model.tokenizer
        found = draw_many(source, count, seed, tokenizer, length)
        ids = [tuple(tokenizer.encode_prefix(p.text, length)[0]) for p in found]
        return [
            TargetText(i, tokenizer.decode(list(i)), p.title, source)
            for i, p in zip(ids, found, strict=True)
        ]

    def _generated(
        self, count: int, length: int, seed: int
    ) -> Generator[float, None, list[TargetText]]:
        """Return the model's own continuations of Shakespeare (D4); each is kept once written."""
        asked = json.dumps([__version__, count, length, seed, str(self.exact.dtype)])
        name = hashlib.sha256(asked.encode()).hexdigest()[:16]
        file = work_of(self._run) / f"texts-{name}.json"
        written: list[list[int]] = []
        with contextlib.suppress(OSError, ValueError):
            written = json.loads(file.read_bytes())
        contexts = self._passages("seen", count, CONTEXT_TOKENS, seed)
        while (k := len(written)) < count:
            with contextlib.suppress(Interrupted), abandonable():
                written.append(list(self.continuation(contexts[k], length, seed * 1000 + k).ids))
                write_atomically(file, json.dumps(written).encode())
            yield 0.0
        return [_continued(self.model, *said) for said in zip(contexts, written, strict=True)]

    def continuation(self, context: TargetText, length: int, seed: int) -> TargetText:
        """Return what the model writes after a context (multinomial, temperature 1, D4).

        Raises:
            BadInputError: if context and text are longer than the model's positions.
        """
        seeds = ((seed * TRIES + attempt) % 2**31 for attempt in range(TRIES))
        found = continuation(self.exact, context.ids, length, seeds)
        if found is None:
            raise BadInputError(
                tr(
                    "The model ends its text early after “{title}”, again and again. Choose "
                    "another seed or a shorter length.",
                    title=context.title,
                )
            )
        return _continued(self.model, context, found[1])

    def h_lm(self, ids: Sequence[int]) -> tuple[float, int]:
        """Return H_LM of a text in nats, float32, and the number of its terms (Q2)."""
        key = tuple(ids)
        if key not in self._nats:
            self._nats[key] = h_lm(self.exact, key)
        return self._nats[key]

    def train(
        self,
        rows: Sequence[Row],
        layout: Layout[Any],
        recipe: Recipe,
        *,
        until: Literal["first", "all"] = "all",
        part: tuple[int, int] = (0, 1),
        alone: bool = False,
    ) -> Generator[float, None, list[Outcome]]:
        """Train rows to their end; yield before each step and return their outcomes.

        Args:
            rows: what to train, in batches as large as memory allows.
            layout: what is trained: e and m in an arrangement, or memory vectors (E4).
            recipe: how to train.
            until: "first" ends the other restarts of a text once one is exact.
            part: which training of the cell this is, and of how many.
            alone: whether no other task may share its passes, since their seconds are compared.
        """
        exact = None if self.exact is self.model else lambda: self.exact
        trainer = Trainer(self.model, rows, layout, recipe, exact_model=exact, until=until)
        training = self.work.train(trainer, alone=alone)
        yield from ((part[0] + done) / part[1] for done in training)
        return [trainer.outcome(i) for i in range(len(rows))]

    def keep(
        self,
        found: Outcome,
        text: TargetText,
        layout: Layout[Any],
        recipe: Recipe,
        *,
        shared: str = "",
    ) -> dict[str, object]:
        """Save an outcome among the run's solutions; return the columns of a trained row.

        They are accuracy, exact, steps, seconds (compute time), and solution (its file's name).

        Args:
            found: vectors and their score.
            text: its target.
            layout: how the vectors were laid out.
            recipe: how they were trained.
            shared: which vectors it shares with whom, in words that identify the group.

        Raises:
            StorageError: if the disk refuses.
        """
        stored: Solution | Memory = solution_of(
            found,
            self.model,
            layout,
            recipe,
            self.h_lm(found.row.target_ids),
            self._run[:8],
            shared=shared and f"{shared}, run {self._run}",
            shared_m=shared.split(" ")[:1] == ["m"],
            title=text.title,
            source=text.source,
            job=self.job,
        )
        path = self.folder / SOLUTIONS / f"{stored.record.id}.safetensors"
        save_solution(stored, path)
        return {
            "accuracy": found.score.accuracy,
            "exact": found.score.exact,
            "steps": found.steps,
            "seconds": found.seconds,
            "solution": path.name,
        }

    @property
    def computed(self) -> Computed:
        """What is measured here is computed with."""
        device = self.model.device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
        return Computed(
            device=name,
            searched_in=self.model.number_format,
            confirmed_in=self.exact.number_format,
            threads=self.model.threads,
        )


def _continued(model: FrozenModel, context: TargetText, ids: Sequence[int]) -> TargetText:
    """Return what the model wrote after a context."""
    text = model.tokenizer.decode(list(ids))
    return TargetText(tuple(ids), text, f"Continuation of {context.title}"[:300], "generated")
