"""A set on the disk while it grows: its record, what was learned, and what is left to train."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from explorer.base.errors import CorruptFileError
from explorer.base.provenance import gone_on, then
from explorer.model.frozen import FrozenModel
from explorer.solutions import sets
from explorer.solutions.sets import Joint, Member, SetRecord, SetText
from explorer.solutions.solution import Solution, load_solution, now, save_solution
from explorer.specs.arrangements import settled
from explorer.specs.jobs import SolveSetSpec
from explorer.tasks.sets.batches import Attempt, Slot, read_learned, save_learned
from explorer.training import Outcome, solved
from explorer.training.layouts import OnePass


class GrowingSet:
    """Keeps what is found of a set at once, and says what is not found yet.

    Attributes:
        spec: what is asked, with its arrangement settled.
        folder: where the set lies.
        scratch: where everything lies that only its making needs.
        record: the set as it stands, the same as in `set.json`.
        m: the shared m, float32 (d_model,), once it is learned; None before, and with m free.
    """

    def __init__(self, spec: SolveSetSpec, model: FrozenModel, job: str | None) -> None:
        """Read what there is of the set.

        Args:
            spec: what is asked.
            model: searches.
            job: id of the job, None from a shell.
        """
        self.spec, self._model, self._job = spec, model, job
        self._id = sets.set_id(spec, model.fingerprint)
        self.folder, self.scratch = sets.folder_of(self._id), sets.work_of(self._id)
        self.m: NDArray[np.float32] | None = None
        self._carried: dict[Slot, Attempt] = {}
        self.read_again()

    def read_again(self) -> None:
        """Learn how far the set is: another job may have gone on with it."""
        self.record = self._begin()
        if self.spec.regime == "shared":
            self._read_learned()

    def _begin(self) -> SetRecord:
        device = self._model.device.type
        try:
            known = sets.load(self.folder)
        except CorruptFileError:
            if (self.folder / sets.SET_FILE).is_file():
                raise  # what is there is not thrown away
            return SetRecord(
                id=self._id,
                spec=self.spec,
                fingerprint=self._model.fingerprint,
                d_model=self._model.d_model,
                created=now(),
                device=device,
                job=self._job,
            )
        if known.complete and not known.missing:
            return known
        # what is gone is trained again
        return known.model_copy(update={"complete": False, **gone_on(known, device=device)})

    def _read_learned(self) -> None:
        """Take up the shared m, and the e that were trained with it, if there are any."""
        try:
            self.m, self._carried = read_learned(self.scratch / sets.LEARNED)
        except CorruptFileError:
            if self.record.members:
                self.m = load_solution(self.folder / self.record.members[0].file).m

    def save(self, **fields: object) -> None:
        """Change fields of the record, and write it.

        Raises:
            StorageError: if the disk refuses.
        """
        self.record = self.record.model_copy(update=fields)
        sets.save(self.record)

    def learned(self, attempts: Sequence[Attempt], outcomes: Sequence[Outcome]) -> None:
        """Keep the m that some rows have learned, and each e to go on from.

        Raises:
            StorageError: if the disk refuses.
        """
        self.m = outcomes[0].m
        for row, found in zip(attempts, outcomes, strict=True):
            trained = {"e": found.e, "steps": found.steps, "seconds": found.seconds}
            self._carried[row.slot] = row.model_copy(update=trained)
        joint = Joint(
            rows=len(attempts),
            texts=len({row.slot[:2] for row in attempts}),
            steps=max(found.steps for found in outcomes),
            seconds=max(found.seconds for found in outcomes),
            exact=sum(found.score.exact for found in outcomes),
            searched_in=self._model.number_format,
            device=self._model.device.type,
        )
        self.save(joint=joint)
        save_learned(self.scratch / sets.LEARNED, self.m, self._carried.values())

    def keep(self, found: Outcome, row: Attempt, nats: tuple[float, int]) -> None:
        """Save the outcome of a row and enter it into the set, unless it is there: after a kill.

        Args:
            found: its vectors and their score.
            row: what it was.
            nats: H_LM of its target and the number of its terms (Q2).

        Raises:
            StorageError: if the disk refuses.
        """
        solution = self._solution(found, row, nats)
        record = solution.record
        if any(member.solution == record.id for member in self.record.members):
            return
        path = save_solution(solution, self.folder / f"{record.id}.safetensors")
        context, continuation, restart = row.slot
        member = Member(
            context=context,
            continuation=continuation,
            restart=restart,
            attempt=row.attempt,
            seed=row.seed,
            solution=record.id,
            file=path.name,
            accuracy=record.accuracy,
            exact=record.exact,
            steps=record.steps,
            seconds=record.seconds,
            reason=record.reason,
        )
        self.save(members=sorted([*self.record.members, member], key=lambda m: (m.slot, m.attempt)))

    def _solution(self, found: Outcome, row: Attempt, nats: tuple[float, int]) -> Solution:
        """Return the outcome of a row, and of the joint steps before it, as a solution."""
        spec, text, joint = self.spec, self._text(row.slot), self.record.joint
        shared = spec.regime == "shared"
        after = f" after {row.steps} joint ones" if row.steps else ""
        whole = replace(
            found,
            steps=found.steps + row.steps,
            seconds=found.seconds + row.seconds,
            reason=found.reason and f"{found.reason}{after}",
        )
        made = solved.solution_of(
            whole,
            self._model,
            OnePass.of(settled(spec.arrangement), self._model),
            spec.recipe,
            nats,
            self.record.id[:8],
            shared=f"m of set {self.record.id}" if shared else "",
            shared_m=shared,
            title=text.title,
            source=text.source,
            job=self._job,
        )
        if joint is None:
            return made
        before = {"searched_in": joint.searched_in, "device": joint.device}  # of m and e's start
        mixed = {name: then(was, getattr(made.record, name)) for name, was in before.items()}
        return replace(made, record=made.record.model_copy(update=mixed))

    def joint_rows(self) -> list[Attempt]:
        """Return the rows that learn m: all, or one for each of K texts, over all contexts."""
        slots = self.record.slots
        if self.spec.m_from is not None:
            firsts = sorted((s for s in slots if s[2] == 0), key=lambda s: (s[1], s[0]))
            slots = sorted(firsts[: self.spec.m_from])
        return [self._attempt(slot, 0) for slot in slots]

    def waiting(self, busy: set[Slot], among: set[Slot] | None = None) -> list[Attempt]:
        """Return what has to be trained and is not in training: first attempts first.

        Of each slot it is the first attempt that there is not, or not any more: a later one may be
        there where the file of an earlier one is gone.

        Args:
            busy: slots in training.
            among: slots that are looked at; None: all.
        """
        tried = {(member.slot, member.attempt) for member in self.record.members}
        waiting = [
            (next(k for k in count() if (slot, k) not in tried), slot)
            for slot in self.record.to_try
            if slot not in busy and (among is None or slot in among)
        ]
        return [self._attempt(slot, attempt) for attempt, slot in sorted(waiting)]

    def _attempt(self, slot: Slot, attempt: int) -> Attempt:
        if attempt == 0 and slot in self._carried:
            return self._carried[slot]
        slots = self.record.slots
        seed = self.spec.seed + attempt * len(slots) + slots.index(slot)
        ids = tuple(self._text(slot).target_ids)
        return Attempt(slot=slot, attempt=attempt, seed=seed, target_ids=ids)

    def _text(self, slot: Slot) -> SetText:
        texts = self.record.texts
        return next(t for t in texts if (t.context, t.continuation) == slot[:2])
