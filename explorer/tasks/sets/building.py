"""Makes a solution set step by step; what is found is kept at once, and a kill loses seconds."""

import contextlib
import shutil
import time
from collections.abc import Iterator

from explorer.assets import catalog
from explorer.base.errors import BadInputError
from explorer.base.formatting import human_seconds
from explorer.base.language import tr
from explorer.base.progress import Progress
from explorer.model.metrics import h_lm
from explorer.model.pool import ModelPool
from explorer.runtime.interruption import Interrupted
from explorer.solutions.sets import LEARNING, TEXTS, WHOLE, SetRecord, rows_of
from explorer.specs.arrangements import input_length, settled
from explorer.specs.jobs import SolveSetSpec
from explorer.tasks.sets import contents
from explorer.tasks.sets.batches import (
    BATCHES,
    JOINING,
    ROWS,
    BatchMaker,
    TrainingBatch,
    checkpoint,
)
from explorer.tasks.sets.record import GrowingSet
from explorer.tasks.task import SharedTask
from explorer.training.checkpoint import Checkpoint
from explorer.training.probing import arrangement_for
from explorer.training.shared_pass import Step

PATIENCE = 100
"""Joint steps without one more exact row after which the rest is taken for stuck."""
STUCK = 0.5
"""Accuracy below which a row that was trained for a while is not worth going on with."""
A_WHILE = 120
"""Steps alone after which a row is expected to say half of its text. Measured on the embedded model
at N = 16 (recipe independent): the first 37 exact rows took 54 to 159 steps; of the rest, after
256 steps nine of ten said less than half."""


class SetBuilder(SharedTask):
    """Samples the texts of a set and trains its solutions, going on with what is there.

    With m free, rows train in batches of about `ROWS`; when some end, others join. A row that is
    far from its text after `A_WHILE` steps makes room for another seed.

    With m shared, all rows train jointly until all are exact at once, or the share `joint_until`,
    or most are and no further one became exact for `PATIENCE` steps, or the recipe's steps are
    used up. Then m is frozen, every row is judged with that m, and the e of those that are not
    exact go on alone, or start afresh if they are far from it: one stuck row would keep the others
    in training for ever.

    A row that is not exact in the end is tried again from another seed, `attempts` times in all;
    every attempt is kept and reported.

    Attributes:
        resumed: whether a part of the set was there already.
    """

    makes = "set"

    def __init__(self, spec: SolveSetSpec, pool: ModelPool, job: str | None = None) -> None:
        """Load the model and what there is of the set.

        Raises:
            MissingAssetError: if the model is not on this disk.
            ModelError: if it cannot be loaded.
            BadInputError: if the target is too long for it, or K is more than there are texts.
        """
        folder, name = catalog.require(spec.model)
        self.model = pool.searching(folder, name, spec.recipe.precision)
        exact_model = pool.in_float32(folder, name)
        self._final = exact_model or (lambda: self.model)
        key = arrangement_for(spec.arrangement, self.model, self._final)
        self.timing = (self.model, spec.length, spec.arrangement, spec.recipe)
        self.spec = spec = spec.model_copy(update={"arrangement": key})
        self._maker = BatchMaker(self.model, exact_model, key, spec.recipe)
        self._check()
        # a gathered text that is too short is said before anything is timed or written
        self._gathered = contents.gathered(spec, self.model.tokenizer) if spec.texts else None
        self._set = GrowingSet(spec, self.model, job)
        self.id = self.record.id
        self.folder, self.scratch = self._set.folder, self._set.scratch
        self._at_start = len(self.record.members)
        self.resumed = self._at_start > 0
        self._batches: list[TrainingBatch] | None = None  # None: the checkpoint is not in use
        self._kept = Checkpoint(self.scratch / "crews.safetensors", self.model, self.record.id)
        self._most = (0.0, 0)  # the largest share of joint rows that was exact, and at which step
        self._h_lm: dict[tuple[int, ...], tuple[float, int]] = {}
        self._started = time.monotonic()

    @property
    def record(self) -> SetRecord:
        """The set as it stands, the same as in `set.json`."""
        return self._set.record

    @property
    def notices(self) -> list[str]:
        """Whether there was something already."""
        went_on = tr("A part of this set was there already; this job went on with it.")
        return [went_on] if self.resumed else []

    @property
    def outcome(self) -> str:
        """How many solutions are exact by now."""
        exact, wanted = len(self.record.exact), len(self.record.slots)
        return tr("{exact} of {wanted} solutions exact.", exact=exact, wanted=wanted)

    def _check(self) -> None:
        spec = self.spec
        longest = input_length(settled(spec.arrangement), spec.length)
        if longest > self.model.max_positions:
            raise BadInputError(
                tr(
                    "{longest} input positions are more than the {max_positions} this model "
                    "was made for. Choose a smaller length.",
                    longest=longest,
                    max_positions=self.model.max_positions,
                )
            )
        count = len(spec.texts) or spec.contexts * spec.continuations
        if spec.m_from is not None and spec.m_from > count:
            raise BadInputError(
                tr(
                    "m cannot be learned on {m_from} texts: the set has {count}. Lower the number.",
                    m_from=spec.m_from,
                    count=count,
                )
            )

    def _left(self) -> list[str]:
        """Learn how far others are; here the whole set is one part, for its rows share batches."""
        self.read_again()
        return [] if self.record.complete else [WHOLE]

    def read_again(self) -> None:
        """Learn how far the set is on the disk."""
        self._set.read_again()
        self._at_start = len(self.record.members)

    def _work(self) -> Iterator[Progress]:
        """Do the part that was claimed: the whole, or what several machines share out."""
        whole = self._part == WHOLE
        if whole or self._part == TEXTS:
            yield from self._sample()
        shared = self.spec.regime == "shared" and (whole or self._part == LEARNING)
        if shared and (self._set.m is None or self._is_learning()):
            yield from self._learn_m()
        if whole or self._part not in (TEXTS, LEARNING):
            yield from self._train()
        self._batches = None
        if whole:
            self._set.save(complete=True)
            shutil.rmtree(self.scratch, ignore_errors=True)
        else:
            self._kept.discard()

    def _sample(self) -> Iterator[Progress]:
        """Draw contexts and sample texts; what is there already is kept."""
        spec, total = self.spec, self.spec.contexts * self.spec.continuations
        if self.record.texts and (spec.texts or len(self.record.texts) == total):
            return
        if self._gathered is not None:
            drawn, given = self._gathered
            self._set.save(contexts=drawn, texts=given)
            return
        drawn, read = contents.contexts(spec, self.model.tokenizer)
        made = list(self.record.texts)
        yield Progress(tr("Loading the model in float32."), 0.0)
        for text in contents.continuations(spec, self._final(), drawn, read, tuple(made)):
            made.append(text)
            self._set.save(contexts=drawn, texts=made)
            said = tr("The model writes text {at} of {total}.", at=len(made), total=total)
            yield Progress(said, 0.0)
        self._set.save(contexts=drawn, texts=made)

    def _learn_m(self) -> Iterator[Progress]:
        """Train one m and the e of many rows jointly, then freeze it."""
        saved = self._kept.read()
        batches = self._maker.restore(saved, None)
        batch = batches[0] if batches else self._maker.joint(self._set.joint_rows())
        if saved is not None and batches:
            share, at = saved.values["most"]
            self._most = share, at
        self._batches = [batch]
        most = self.spec.recipe.max_steps
        while True:
            exact, step, accuracy = _standing(batch)
            if exact > self._most[0]:
                self._most = exact, step
            if batch.trainer.finished or self._has_learned(batch):
                break
            said = tr(
                "Learning one m for {rows} rows: joint step {step} of at most {most}, {exact} of "
                "the rows exact, accuracy {accuracy}.",
                rows=len(batch.rows),
                step=step,
                most=most,
                exact=f"{exact:.0%}",
                accuracy=f"{accuracy:.3f}",
            )
            self.inside = step / most
            yield from self._step(batch, Progress(said, self._joint_share * step / most))
        batch.trainer.stop(tr("not exact when m was frozen"))
        self._freeze(batch)

    def _is_learning(self) -> bool:
        """Whether a kill came after m was kept and before all rows were judged with it."""
        saved = self._kept.read()
        return saved is not None and any(batch["joint"] for batch in saved.values[BATCHES])

    def _has_learned(self, batch: TrainingBatch) -> bool:
        """Whether enough rows are exact at once, or no further one has been for a while."""
        exact, step, _ = _standing(batch)
        record, since = self._most
        return (exact >= self.spec.joint_until < 1) or (
            exact == record >= 0.5 and step - since >= PATIENCE
        )

    @property
    def _joint_share(self) -> float:
        """Part of the work that learning m is taken for."""
        joint = self.spec.regime == "shared"
        return 0.0 if not joint else 0.1 if self.spec.m_from else 0.7

    def _freeze(self, batch: TrainingBatch) -> None:
        """Keep the learned m; judge every row with it; let those that are not exact go on alone."""
        outcomes = [batch.trainer.outcome(i) for i in range(len(batch.rows))]
        self._set.learned(batch.rows, outcomes)
        for i, found in enumerate(outcomes):
            stuck = found.score.accuracy < STUCK and self.spec.attempts > 1
            if found.score.exact or stuck:
                self._keep(batch, i)
        self._batches = []
        self._checkpoint()

    def _train(self) -> Iterator[Progress]:
        """Train independent rows, as many side by side as fill a batch, until none is left."""
        restored = self._maker.restore(self._kept.read(), self._set.m)
        batches = self._batches = [batch for batch in restored if not batch.joint]
        for batch in batches:
            self._keep_finished(batch)
        while True:
            batches[:] = [batch for batch in batches if batch.live]
            self._join(batches)
            if not batches:
                return
            for batch in batches:
                yield from self._step(batch, self._progress())
                self._give_up_stuck(batch)
                self._keep_finished(batch)

    def _join(self, batches: list[TrainingBatch]) -> None:
        """Let waiting rows begin when enough places are free."""
        free = ROWS - sum(batch.live for batch in batches)
        busy = {slot for batch in batches for slot in batch.live_slots}
        mine = None if self._part == WHOLE else rows_of(self.record, self._part)
        if free >= JOINING and (waiting := self._set.waiting(busy, mine)):
            batches[:] = [self._maker.together(batches, waiting[:free], self._set.m)]
        if mine is not None:
            self.inside = len(mine & {member.slot for member in self.record.members}) / len(mine)

    def _give_up_stuck(self, batch: TrainingBatch) -> None:
        """End rows that are far from their text after a while, unless no other seed is left."""
        report = batch.trainer.report(detailed=False)
        stuck = [
            i
            for i, row in enumerate(batch.rows)
            if report.steps[i] >= A_WHILE
            and report.accuracy[i] < STUCK
            and row.attempt + 1 < self.spec.attempts
        ]
        said = tr("says less than half of its text after {steps} steps", steps=A_WHILE)
        batch.trainer.stop(said, stuck)

    def _keep_finished(self, batch: TrainingBatch) -> None:
        report = batch.trainer.report(detailed=False)
        for i, phase in enumerate(report.phase):
            if phase == "done" and i not in batch.over:
                self._keep(batch, i)

    def _keep(self, batch: TrainingBatch, i: int) -> None:
        """Save the outcome of a row and enter it into the set."""
        batch.over.add(i)
        row = batch.rows[i]
        ids = row.target_ids
        if ids not in self._h_lm:
            self._h_lm[ids] = h_lm(self._final(), ids)
        self._set.keep(batch.trainer.outcome(i), row, self._h_lm[ids])

    def _step(self, batch: TrainingBatch, progress: Progress) -> Iterator[Progress]:
        """Take one step of a batch, alone or with others'; left in the middle, it stands still."""
        self.next_step = step = Step(batch.trainer)
        yield progress
        self.next_step = None
        with contextlib.suppress(Interrupted):
            step.take()

    def _checkpoint(self) -> None:
        if self._batches is not None:
            checkpoint(self._kept, self._batches, most=self._most)

    def _others(self) -> Progress:
        sentence = tr("Waiting for another job, which makes this set: {made}", made=self.outcome)
        return Progress(sentence, self._progress().fraction)

    def _progress(self) -> Progress:
        record = self.record
        wanted, exact = len(record.slots), len(record.exact)
        over = len({m.slot for m in record.members})
        live = sum(batch.live for batch in self._batches or [])
        done = len(record.members) - self._at_start
        said = {"exact": exact, "wanted": wanted, "live": live}
        sentence = tr("{exact} of {wanted} solutions exact, {live} rows in training.", **said)
        if done >= 4 and over < wanted:
            each = (time.monotonic() - self._started) / done
            sentence = tr(
                "{exact} of {wanted} solutions exact, {live} rows in training, about {time} left.",
                **said,
                time=human_seconds(each * (wanted - over)),
            )
        before = self._joint_share
        return Progress(
            sentence,
            1.0 if record.complete else before + (1 - before) * over / max(1, wanted),
        )


def _standing(batch: TrainingBatch) -> tuple[float, int, float]:
    """Return the share of a batch's rows that is exact, its last step, and the mean accuracy."""
    report = batch.trainer.report(detailed=False)
    return (
        float((report.accuracy == 1).mean()),
        int(report.steps.max()),
        float(report.accuracy.mean()),
    )
