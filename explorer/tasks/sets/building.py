"""Makes a solution set step by step; what is found is kept at once, and a kill loses seconds."""

import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explorer.assets import catalog
from explorer.base.errors import BadInputError, CorruptFileError, MissingAssetError
from explorer.base.formatting import human_seconds
from explorer.base.progress import Progress
from explorer.base.provenance import gone_on, versions
from explorer.experiments import cell_locks
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import h_lm
from explorer.model.pool import ModelPool
from explorer.runtime.interruption import Interrupted
from explorer.solutions import sets
from explorer.solutions.sets import Joint, Member, SetRecord, SetText
from explorer.solutions.solution import Solution, load_solution, now, save_solution
from explorer.specs.arrangements import input_length, settled
from explorer.specs.jobs import SolveSetSpec
from explorer.tasks.sets import contents
from explorer.tasks.sets.solved import solution_of
from explorer.training.batch import (
    JOINING,
    ROWS,
    Foreman,
    Slot,
    Task,
    TrainingBatch,
    checkpoint,
    read_learned,
    save_learned,
)
from explorer.training.checkpoint import Checkpoint
from explorer.training.probing import arrangement_for

PATIENCE = 100
"""Joint steps without one more exact row after which the rest is taken for stuck."""
STUCK = 0.5
"""Accuracy below which a row that was trained for a while is not worth going on with."""
A_WHILE = 120
"""Steps alone after which a row is expected to say half of its text. Measured on the embedded model
at N = 16 (recipe independent): the first 37 exact rows took 54 to 159 steps; of the rest, after
256 steps nine of ten said less than half."""


class SetBuilder:
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
        record: the set as it stands, the same as in `set.json`.
    """

    def __init__(self, spec: SolveSetSpec, pool: ModelPool, job: str | None = None) -> None:
        """Load the model and what there is of the set.

        Raises:
            MissingAssetError: if the model is not on this disk.
            ModelError: if it cannot be loaded.
            BadInputError: if the target is too long for it, or K is more than there are texts.
        """
        self._job = job
        card = catalog.find(spec.model)
        if card.folder is None:
            raise MissingAssetError(
                f"{card.title} is not on this disk. Bring it with: python -m explorer assets "
                f"--model {card.name}"
            )
        folder, name = card.folder, card.name
        self.model = pool.searching(folder, name, spec.recipe.precision)
        confirm = pool.can_confirm(folder)

        def exact_model() -> FrozenModel:
            import torch

            return pool.get(folder, name, torch.float32)

        self._final = exact_model if confirm else lambda: self.model
        key = arrangement_for(spec.arrangement, self.model, self._final)
        self.spec = spec = spec.model_copy(update={"arrangement": key})
        self._foreman = Foreman(self.model, exact_model if confirm else None, key, spec.recipe)
        self._check()
        # a gathered text that is too short is said before anything is timed or written
        self._gathered = contents.gathered(spec, self.model.tokenizer) if spec.texts else None
        self._m: NDArray[np.float32] | None = None
        self._carried: dict[Slot, Task] = {}
        self._read_again()
        self._batches: list[TrainingBatch] | None = None  # None: the checkpoint is not read yet
        self._kept = Checkpoint(self._work / "crews.safetensors", self.model, self.record.id)
        self._most = (0.0, 0)  # the largest share of joint rows that was exact, and at which step
        self._h_lm: dict[tuple[int, int], tuple[float, int]] = {}
        self._started = time.monotonic()

    @property
    def folder(self) -> Path:
        """Where the set lies."""
        return sets.folder_of(self.record.id)

    @property
    def _work(self) -> Path:
        return sets.work_of(self.record.id)

    def _check(self) -> None:
        spec = self.spec
        longest = input_length(settled(spec.arrangement), spec.length)
        if longest > self.model.max_positions:
            raise BadInputError(
                f"{longest} input positions are more than the {self.model.max_positions} this "
                "model was made for. Choose a smaller length."
            )
        count = len(spec.texts) or spec.contexts * spec.continuations
        if spec.m_from is not None and spec.m_from > count:
            raise BadInputError(
                f"m cannot be learned on {spec.m_from} texts: the set has {count}. "
                "Lower the number."
            )

    def _read_again(self) -> None:
        """Learn how far the set is: another job may have gone on with it."""
        self.record = self._begin()
        if self.spec.regime == "shared":
            self._read_learned()
        self._at_start = len(self.record.members)

    def _begin(self) -> SetRecord:
        name = sets.set_id(self.spec, self.model.fingerprint)
        with contextlib.suppress(CorruptFileError):
            known = sets.load(sets.folder_of(name))
            if known.complete and not known.missing:
                return known
            # what is gone is trained again
            going_on = gone_on(known, device=self.model.device.type)
            return known.model_copy(update={"complete": False, **going_on})
        return SetRecord(
            id=name,
            spec=self.spec,
            fingerprint=self.model.fingerprint,
            d_model=self.model.d_model,
            created=now(),
            device=self.model.device.type,
            versions=versions(),
            job=self._job,
        )

    def steps(self) -> Generator[Progress, None, None]:
        """Work until the set is complete; yield after each step.

        Closing the iterator early leaves a checkpoint to go on from. While another job or process
        builds the same set, this waits (`Waiting`), then takes it over or finds it complete.
        """
        claim = cell_locks.lock(self.record.id, sets.SET_FILE)
        yield from cell_locks.wait_for(claim, self._others_progress)
        try:
            yield from self._build()
        finally:
            claim.release()

    def _build(self) -> Iterator[Progress]:
        self._read_again()
        if self.record.complete:
            yield self._progress()
            return
        try:
            yield from self._sample()
            if self.spec.regime == "shared" and (self._m is None or self._is_learning()):
                yield from self._learn_m()
            yield from self._train()
        finally:
            self._checkpoint()
        self._save(complete=True)
        shutil.rmtree(self._work, ignore_errors=True)
        yield self._progress()

    def _sample(self) -> Iterator[Progress]:
        """Draw contexts and sample texts; what is there already is kept."""
        spec, total = self.spec, self.spec.contexts * self.spec.continuations
        if self.record.texts and (spec.texts or len(self.record.texts) == total):
            return
        if self._gathered is not None:
            drawn, given = self._gathered
            self._save(contexts=drawn, texts=given)
            return
        drawn, read = contents.contexts(spec, self.model.tokenizer)
        made = list(self.record.texts)
        yield Progress("Loading the model in float32.", 0.0)
        for text in contents.continuations(spec, self._final(), drawn, read, tuple(made)):
            made.append(text)
            self._save(contexts=drawn, texts=made)
            yield Progress(f"The model writes text {len(made)} of {total}.", 0.0)
        self._save(contexts=drawn, texts=made)

    def _learn_m(self) -> Iterator[Progress]:
        """Train one m and the e of many rows jointly, then freeze it."""
        saved = self._kept.read()
        batches = self._foreman.restore(saved, None)
        batch = batches[0] if batches else self._foreman.joint(self._joint_tasks())
        if saved is not None and batches:
            share, at = saved.values["most"]
            self._most = share, at
        self._batches = [batch]
        most = self.spec.recipe.max_steps
        while not batch.trainer.finished and not self._has_learned(batch):
            with contextlib.suppress(Interrupted):
                batch.trainer.step()
            exact, step, accuracy = _standing(batch)
            if exact > self._most[0]:
                self._most = exact, step
            self._checkpoint_if_due()
            yield Progress(
                f"Learning one m for {len(batch.tasks)} rows: joint step {step} of at most {most}, "
                f"{exact:.0%} of the rows exact, accuracy {accuracy:.3f}.",
                self._joint_share * step / most,
            )
        batch.trainer.stop("not exact when m was frozen")
        self._freeze(batch)

    def _is_learning(self) -> bool:
        """Whether a kill came after m was kept and before all rows were judged with it."""
        saved = self._kept.read()
        return saved is not None and any(batch["joint"] for batch in saved.values["crews"])

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

    def _joint_tasks(self) -> list[Task]:
        """Return the rows that learn m: all, or one for each of K texts, over all contexts."""
        slots = self.record.slots
        if self.spec.m_from is not None:
            firsts = sorted((s for s in slots if s[2] == 0), key=lambda s: (s[1], s[0]))
            slots = sorted(firsts[: self.spec.m_from])
        return [self._task(slot, 0) for slot in slots]

    def _freeze(self, batch: TrainingBatch) -> None:
        """Keep the learned m; judge every row with it; let those that are not exact go on alone."""
        outcomes = [batch.trainer.outcome(i) for i in range(len(batch.tasks))]
        self._m = outcomes[0].m
        for task, found in zip(batch.tasks, outcomes, strict=True):
            self._carried[task.slot] = Task(
                task.slot, 0, task.seed, task.target_ids, found.e, found.steps, found.seconds
            )
        joint = Joint(
            rows=len(batch.tasks),
            texts=len({task.slot[:2] for task in batch.tasks}),
            steps=max(found.steps for found in outcomes),
            seconds=max(found.seconds for found in outcomes),
            exact=sum(found.score.exact for found in outcomes),
            searched_in=self.model.number_format,
            device=self.model.device.type,
        )
        self._save(joint=joint)
        save_learned(self._work / "m.safetensors", self._m, self._carried.values())
        for i, (task, found) in enumerate(zip(batch.tasks, outcomes, strict=True)):
            stuck = found.score.accuracy < STUCK and self.spec.attempts > 1
            if found.score.exact or stuck:
                self._keep(batch, i, task)
        self._batches = []
        self._checkpoint()

    def _train(self) -> Iterator[Progress]:
        """Train independent rows, as many side by side as fill a batch, until none is left."""
        restored = self._foreman.restore(self._kept.read(), self._m)
        batches = self._batches = [batch for batch in restored if not batch.joint]
        for batch in batches:
            self._keep_finished(batch)
        while True:
            batches[:] = [batch for batch in batches if batch.live]
            self._join(batches)
            if not batches:
                return
            for batch in batches:
                with contextlib.suppress(Interrupted):
                    batch.trainer.step()
                self._give_up_stuck(batch)
                self._keep_finished(batch)
                self._checkpoint_if_due()
                yield self._progress()

    def _join(self, batches: list[TrainingBatch]) -> None:
        """Let waiting rows begin when enough places are free."""
        free = ROWS - sum(batch.live for batch in batches)
        if free >= JOINING and (waiting := self._waiting(batches)):
            batches[:] = [self._foreman.together(batches, waiting[:free], self._m)]

    def _give_up_stuck(self, batch: TrainingBatch) -> None:
        """End rows that are far from their text after a while, unless no other seed is left."""
        report = batch.trainer.report(detailed=False)
        stuck = [
            i
            for i, task in enumerate(batch.tasks)
            if report.steps[i] >= A_WHILE
            and report.accuracy[i] < STUCK
            and task.attempt + 1 < self.spec.attempts
        ]
        batch.trainer.stop(f"says less than half of its text after {A_WHILE} steps", stuck)

    def _waiting(self, batches: list[TrainingBatch]) -> list[Task]:
        """Return what has to be trained and is not in training: first attempts first."""
        busy = {slot for batch in batches for slot in batch.live_slots}
        tried = Counter(member.slot for member in self.record.members)
        waiting = [
            slot
            for slot in self.record.unsolved
            if slot not in busy and tried[slot] < self.spec.attempts
        ]
        return [self._task(s, tried[s]) for s in sorted(waiting, key=lambda s: (tried[s], s))]

    def _task(self, slot: Slot, attempt: int) -> Task:
        if attempt == 0 and slot in self._carried:
            return self._carried[slot]
        slots = self.record.slots
        seed = self.spec.seed + attempt * len(slots) + slots.index(slot)
        return Task(slot, attempt, seed, tuple(self._text(slot).target_ids))

    def _text(self, slot: Slot) -> SetText:
        texts = self.record.texts
        return next(t for t in texts if (t.context, t.continuation) == slot[:2])

    def _keep_finished(self, batch: TrainingBatch) -> None:
        report = batch.trainer.report(detailed=False)
        for i, (task, phase) in enumerate(zip(batch.tasks, report.phase, strict=True)):
            if phase == "done" and i not in batch.over:
                self._keep(batch, i, task)

    def _keep(self, batch: TrainingBatch, i: int, task: Task) -> None:
        """Save the outcome of a row and enter it into the set."""
        batch.over.add(i)
        solution = self._solution(batch, i, task)
        record = solution.record
        path = save_solution(solution, self.folder / f"{record.id}.safetensors")
        if any(member.solution == record.id for member in self.record.members):
            return
        context, continuation, restart = task.slot
        member = Member(
            context=context,
            continuation=continuation,
            restart=restart,
            attempt=task.attempt,
            seed=task.seed,
            solution=record.id,
            file=path.name,
            accuracy=record.accuracy,
            exact=record.exact,
            steps=record.steps,
            seconds=record.seconds,
            reason=record.reason,
        )
        members = sorted([*self.record.members, member], key=lambda m: (m.slot, m.attempt))
        self._save(members=members)

    def _solution(self, batch: TrainingBatch, i: int, task: Task) -> Solution:
        key = task.slot[:2]
        if key not in self._h_lm:
            self._h_lm[key] = h_lm(self._final(), task.target_ids)
        return solution_of(
            batch.trainer.outcome(i), task, self._text(task.slot), self.record, self.model,
            self._h_lm[key], self._job,
        )  # fmt: skip

    def _save(self, **fields: object) -> None:
        self.record = self.record.model_copy(update=fields)
        sets.save(self.record)

    def _checkpoint_if_due(self) -> None:
        if self._kept.due:
            self._checkpoint()

    def _checkpoint(self) -> None:
        if self._batches is not None:
            checkpoint(self._kept, self._batches, most=self._most)

    def _read_learned(self) -> None:
        """Take up the set's shared m, and the e that were trained with it, if there are any."""
        try:
            self._m, self._carried = read_learned(self._work / "m.safetensors")
        except CorruptFileError:
            if self.record.members:
                self._m = load_solution(self.folder / self.record.members[0].file).m

    def _others_progress(self) -> Progress:
        self._read_again()
        exact, wanted = len(self.record.exact), len(self.record.slots)
        return Progress(
            f"Waiting for another job, which makes this set: {exact} of {wanted} solutions exact.",
            self._progress().fraction,
        )

    def _progress(self) -> Progress:
        record = self.record
        wanted, exact = len(record.slots), len(record.exact)
        over = len({m.slot for m in record.members})
        live = sum(batch.live for batch in self._batches or [])
        done = len(record.members) - self._at_start
        left = ""
        if done >= 4 and over < wanted:
            pace = (time.monotonic() - self._started) / done
            left = f", about {human_seconds(pace * (wanted - over))} left"
        before = self._joint_share
        return Progress(
            f"{exact} of {wanted} solutions exact, {live} rows in training{left}.",
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
