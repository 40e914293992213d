"""Connecting pairs of solutions, all of them or batch by batch for whoever gathers the batches."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explorer.base import folders
from explorer.base.errors import CorruptFileError
from explorer.base.files import say_kept
from explorer.base.language import tr
from explorer.base.progress import Progress
from explorer.base.provenance import gone_on
from explorer.model.head import TokenStatistics
from explorer.model.pool import ModelPool
from explorer.paths import batches
from explorer.paths.curves import CurveKind, mean_along, positions
from explorer.paths.header import HALFWAY, describe
from explorer.paths.pairs import require_pair, require_usable, vector
from explorer.paths.result import FILE, HISTORY, Paths, Profile
from explorer.runtime.interruption import Interrupted, abandonable
from explorer.solutions.solution import Solution
from explorer.specs.curves import PathRecipe
from explorer.specs.recipes import THRESHOLD
from explorer.tasks.paths.bends import (
    ROWS_AT_ONCE,
    Curves,
    CurveTrainer,
    along,
    as_profile,
    require_as_recorded,
)
from explorer.tasks.paths.finishing import Finish
from explorer.tasks.task import BY_HAND, MEASURING, Divided, Task
from explorer.training.layouts import OnePass
from explorer.training.shared_pass import Step


class Connecting(Task):
    """Measures the straight line of every pair, trains its curve, and measures that as it goes.

    Pairs take their turn: as many as make a full batch train side by side, and when one is over
    the next takes its place.

    Attributes:
        paths: everything measured so far.
        resumed: whether it goes on from a checkpoint.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[Solution, Solution]],
        kind: CurveKind,
        recipe: PathRecipe,
        pool: ModelPool,
        folder: Path,
        *,
        job: str | None = None,
    ) -> None:
        """Check the pairs, load the model, and go on from a checkpoint if `folder` holds one.

        Args:
            pairs: the ends of every path.
            kind: the curve to train.
            recipe: how to train and measure.
            pool: where models come from.
            folder: for the checkpoint, which others may read as `Paths` while it runs.
            job: the job's id, None on the command line.

        Raises:
            BadInputError: if the pairs cannot be connected.
            MissingAssetError: if the model is not on this disk.
            ModelError: if it cannot be loaded, or has other weights than the solutions'.
        """
        for a, b in pairs:
            require_pair(a, b)
        require_usable(*(s for pair in pairs for s in pair))
        self.exact = pool.of_solution(pairs[0][0])  # all ends have the same targets
        self.model = pool.searching(self.exact.folder, self.exact.name, recipe.precision)
        self.recipe, self._file = recipe, folder / FILE
        header = describe(
            pairs,
            kind,
            recipe,
            self.exact.tokenizer,
            searched_in=self.model.number_format,
            device=pool.device.type,
            job=job,
        )
        ends = {s.record.id: s for pair in pairs for s in pair}
        self.paths = Paths.empty(header, np.stack([vector(s) for s in ends.values()]))
        self._pairs = pairs
        self._seconds = 0.0
        self._pass_seconds = 0.0
        self._pieces: dict[int, str] = {}
        self._trainers = [self._trainer(k) for k in range(len(pairs))]
        layout, N = OnePass(header.arrangement, header.sink), len(self._trainers[0].targets)
        self._curves = Curves(self.model, layout, N)
        self._finish = Finish(self.exact, layout, N)
        self._finished: set[int] = set()
        self.resumed = self._restore()

    def _trainer(self, pair: int) -> CurveTrainer:
        ends = self.paths.points(pair)[[0, -1]]
        return CurveTrainer(
            self.paths.header.kind,
            ends,
            self.paths.text(pair).target_ids,
            self.recipe,
            unit=self.exact.embedding_std,
            device=self.exact.device,
        )

    @property
    def _progress(self) -> Progress:
        """What it is doing, and the part of the steps that is done at least."""
        most, over = self.recipe.most_steps, self.paths.over
        done = np.where(over, 1.0, [trainer.steps / max(1, most) for trainer in self._trainers])
        if len(over) == 1:
            step = self._trainers[0].steps
            sentence = tr("Step {step} of at most {most}.", step=step, most=most)
        else:
            connected = int(self.paths.connected.sum())
            sentence = tr(
                "{over} of {all} pairs are over, {connected} connected.",
                over=int(over.sum()),
                all=len(over),
                connected=connected,
            )
        return Progress(sentence, float(done.mean()))

    def _work(self) -> Iterator[Progress]:
        """Work until every pair is over; yield before each step and after each measurement."""
        at_once = max(1, ROWS_AT_ONCE // self.recipe.samples)
        while (live := np.flatnonzero(~self.paths.over)[:at_once]).size:
            with suppress(Interrupted):  # all stands as before; begun again if it goes on
                for pair in live.tolist():
                    if self._due(pair):
                        with abandonable():
                            self._look(pair)
                        yield self._progress
                left = [k for k in live.tolist() if not self.paths.over[k]]
                finishing = [k for k in left if self._trainers[k].finishing]
                if finishing:
                    yield from self._finish_one(finishing[0])
                else:
                    yield from self._step([self._trainers[k] for k in left])
                continue
            yield self._progress
        self._checkpoint()

    def _finish_one(self, pair: int) -> Iterator[Progress]:
        """Make one of the steps that finish a curve; yield between its passes."""
        steps, more = self._finish.step(self._trainers[pair]), None
        while more is None:
            started = time.perf_counter()
            try:
                with abandonable():
                    next(steps)
            except StopIteration as end:
                more = bool(end.value)
            self._seconds += time.perf_counter() - started
            yield self._progress
        if not more:
            self._finished.add(pair)
            if self._is_measured(pair):
                self._end_attempt(pair)

    def _step(self, moving: Sequence[CurveTrainer]) -> Iterator[Progress]:
        """Move the bends of some curves, in a pass of their own or in that of others."""
        if moving:
            self._curves.moving, before = moving, self._curves.spent
            self.next_step = step = Step(self._curves)
            yield self._progress
            self.next_step = None
            step.take()
            self._seconds += self._curves.spent - before

    def stopping(self, reason: str = BY_HAND) -> Iterator[Progress]:
        """Measure the curves under way where they are, and leave the others out."""
        for pair in np.flatnonzero(~self.paths.over).tolist():
            if self._trainers[pair].steps and not self._is_measured(pair):
                yield Progress(MEASURING, self._progress.fraction)
                self._look(pair)
        self.paths.over[:] = True
        self._checkpoint()

    @property
    def outcome(self) -> str:
        """How many pairs are connected, or whether the one is."""
        paths = self.paths
        measured, connected = int(paths.measured.sum()), int(paths.connected.sum())
        if len(paths) > 1:
            return tr(
                "{connected} of {measured} pairs connected.", connected=connected, measured=measured
            )
        if not measured:
            return tr("Stopped before its first measurement.")
        found = {"steps": int(paths.steps[0]), "ratio": f"{paths.ratio(0):.3f}"}
        if connected:
            return tr("{steps} steps: connected, length ratio {ratio}.", **found)
        return tr("{steps} steps: not connected, length ratio {ratio}.", **found)

    def _due(self, pair: int) -> bool:
        """Whether a curve is to be measured before its next step."""
        trainer = self._trainers[pair]
        last = pair in self._finished or trainer.ended or trainer.taken == trainer.adam_steps
        regular = not trainer.finishing and trainer.taken % self.recipe.look_every == 0
        return (last or regular) and not self._is_measured(pair)

    def _is_measured(self, pair: int) -> bool:
        """Whether a curve was measured where it is now."""
        of_pair = self.paths.history["pair"] == pair
        return self._trainers[pair].steps in self.paths.history["step"][of_pair][-1:]

    def _end_attempt(self, pair: int) -> None:
        """End a curve as it was measured, unless it is not connected and may begin anew."""
        self._finished.discard(pair)
        self.paths.over[pair] = self.paths.connected[pair] or not self._trainers[pair].begin_anew()

    def _look(self, pair: int) -> None:
        """Measure a curve on the grid, in float32, and end it if it is through.

        Left in the middle, nothing has changed. A curve that is nowhere ends as it was measured
        last. Of a further attempt only what is better is kept: whoever stops it loses nothing.
        """
        started = time.perf_counter()
        paths, trainer = self.paths, self._trainers[pair]
        points = trainer.points
        if not np.isfinite(points).all():
            paths.over[pair] = True
            return
        line = paths.line.of(pair)
        if paths.steps[pair] < 0:
            line = self._measure(pair, positions("line", trainer.ends, paths.t))
            for end, at in zip(self._pairs[pair], (0, -1), strict=True):
                require_as_recorded(end, float(line.accuracy[at]))
        curve = line  # until its first step
        if trainer.steps:
            curve = self._measure(pair, positions(trainer.kind, points, paths.t))
        perfect = (self.recipe.stop_early or trainer.finishing) and curve.accuracy.min() == 1
        through = perfect and self._holds_between(pair)
        mean = mean_along(trainer.kind, points, paths.t, np.stack([curve.accuracy, curve.loss]))
        connected = bool(curve.accuracy.min() >= THRESHOLD)
        better = (connected, float(mean[0])) > (bool(paths.connected[pair]), paths.mean(pair))
        if not trainer.attempt or better:
            paths.line.keep(pair, line)
            paths.curve.keep(pair, curve)
            paths.bends[pair], paths.steps[pair] = points[1:-1], trainer.steps
        paths.over[pair] = through
        if not through and (pair in self._finished or trainer.ended):
            self._end_attempt(pair)
        row = np.array([(pair, trainer.steps, curve.accuracy.min(), *mean)], dtype=HISTORY)
        self._seconds += time.perf_counter() - started
        self.paths = replace(paths, history=np.concatenate([paths.history, row]))

    def _holds_between(self, pair: int) -> bool:
        """Return whether every token of a curve is right halfway between the grid's points too."""
        trainer, t = self._trainers[pair], self.paths.t
        halfway = positions(trainer.kind, trainer.points, (t[:-1] + t[1:]) / 2)
        return bool(self._along(pair, halfway).correct.all())

    def _measure(self, pair: int, points: NDArray[np.float64]) -> Profile:
        started = time.perf_counter()
        found = as_profile(self._along(pair, points))
        self._pass_seconds = time.perf_counter() - started
        return found

    def _along(self, pair: int, points: NDArray[np.float64]) -> TokenStatistics:
        targets, header = self._trainers[pair].targets, self.paths.header
        return along(self.exact, points, targets, header.arrangement, header.sink)

    def _checkpoint(self) -> None:
        """Write everything in one file, which is also what others read while this runs."""
        self._name_tokens()
        known = {"seconds": self._seconds, "pass_seconds": self._pass_seconds}
        header = self.paths.header.model_copy(update={**known, "pieces": self._pieces})
        self.paths = replace(self.paths, header=header)
        under_way = [k for k in np.flatnonzero(~self.paths.over) if self._trainers[k].steps]
        states = {int(k): self._trainers[k].state() for k in under_way}
        self.paths.save(self._file, batches.tensors_of(states))
        say_kept()

    def _name_tokens(self) -> None:
        """Note what every token that occurs says, so that pages need no tokenizer."""
        ids = {i for text in self.paths.header.texts for i in text.target_ids}
        for profile in (self.paths.line, self.paths.curve):
            ids |= set(np.unique(profile.predicted[self.paths.measured]).tolist())
        new = sorted(ids - self._pieces.keys())
        self._pieces |= dict(zip(new, self.exact.tokenizer.pieces(new), strict=True))

    def _restore(self) -> bool:
        """Go on from the file of the same task, if it is there and whole."""
        try:
            found = Paths.load(self._file)
            if not found.same_task(self.paths):
                return False
            for pair, state in batches.states_in(self._file).items():
                self._trainers[pair].restore(state)
        except (CorruptFileError, KeyError, ValueError, IndexError):
            self._trainers = [self._trainer(k) for k in range(len(self.paths))]
            return False
        self.paths = found
        if not found.over.all():
            going_on = gone_on(
                found.header,
                device=self.model.device.type,
                searched_in=self.model.number_format,
                ended_by=HALFWAY,
            )
            self.paths = replace(found, header=found.header.model_copy(update=going_on))
        self._seconds, self._pieces = found.header.seconds, dict(found.header.pieces)
        return True


class CurveBatches(Divided):
    """Connects some pairs after others, each time as if they were all there are."""

    def __init__(
        self,
        pairs: Sequence[tuple[Solution, Solution]],
        kind: CurveKind,
        recipe: PathRecipe,
        pool: ModelPool,
    ) -> None:
        """Check all pairs, load the model, and write the paths with nothing measured.

        Raises:
            BadInputError, MissingAssetError, ModelError: as `Connecting`.
        """
        self._pairs, self._kind, self._recipe, self._pool = pairs, kind, recipe, pool
        self.folder = self.scratch = folders.local() / batches.FOLDER
        self._connecting(pairs).paths.save(self.folder / FILE)

    def _connecting(self, pairs: Sequence[tuple[Solution, Solution]]) -> Connecting:
        return Connecting(pairs, self._kind, self._recipe, self._pool, self.folder)

    def _work(self) -> Iterator[Progress]:
        """Connect a batch of pairs, from its checkpoint if there is one."""
        batch = self._connecting([self._pairs[k] for k in batches.pairs_of(self._part)])
        with closing(batch.steps()) as steps:
            for progress in steps:
                self.inside = progress.fraction
                yield progress
