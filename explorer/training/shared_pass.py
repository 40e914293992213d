"""One batch for everybody: rows of many trainings share the passes over one frozen model.

A pass reads the rows of thirty people nearly as fast as one person's. Each training keeps its own
vectors, optimiser, recipe, halving and end: it proposes what it has to know for its next step, and
applies the answer. Trainings join and leave between two steps, as requests do in continuous
batching; one training alone is the case of one participant.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.model import passes
from explorer.model.frozen import FrozenModel, is_out_of_memory
from explorer.model.head import TokenStatistics, join
from explorer.runtime.interruption import Interrupted, abandonable, check
from explorer.training.memory import ONE_ROW, rows_of_next_pass

Report_co = TypeVar("Report_co", covariant=True)
Report = TypeVar("Report")


class Owner(Protocol):
    """Whoever has rows in passes."""

    @property
    def rows_at_once(self) -> int:
        """How many of its rows memory allows in one pass."""

    def shrink(self, tried: int) -> None:
        """Take fewer rows at a time from here: so many were too many."""


class Participant(Owner, Protocol[Report_co]):
    """A training, as far as passes go."""

    @property
    def model(self) -> FrozenModel:
        """What it searches with."""

    @property
    def live_lengths(self) -> list[int]:
        """Target tokens of each row that the next step moves."""

    def propose(self, *, detail: bool = False) -> "list[Proposal]":
        """Return what the next step has to know; nothing changes."""

    def apply(self, proposals: "Sequence[Proposal]", answers: "Sequence[Answer]") -> Report_co:
        """Take the step."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """Rows of one owner that have one length, for the next pass.

    Attributes:
        owner: whose they are.
        model: runs the pass, in its number format.
        rows: which they are, by the owner's own count.
        inputs: what the model reads, float32 (n, L, d_model).
        targets: target token ids, (n, N).
        first: input position whose output is to be the first of them.
        detail: whether predicted ids, p(target) and rank are wanted.
    """

    owner: Owner
    model: FrozenModel
    rows: list[int]
    inputs: Float[Tensor, "n L d"]
    targets: Int[Tensor, "n N"]
    first: int
    detail: bool = False


@dataclass(frozen=True, eq=False)
class Answer:
    """What passes say about a proposal.

    Attributes:
        statistics: of each row and target position.
        gradient: of each row's loss by its inputs, (n, L, d_model).
        seconds: its share of the passes' time, by positions.
    """

    statistics: TokenStatistics
    gradient: Float[Tensor, "n L d"]
    seconds: float


Said = Answer | BadInputError
"""An answer, or why there is none."""


@dataclass(frozen=True, eq=False)
class _Part:
    """Some consecutive rows of the k-th proposal."""

    k: int
    asked: Proposal
    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start

    @property
    def positions(self) -> int:
        return self.rows * self.asked.inputs.shape[1]

    @property
    def like(self) -> tuple[int, int, int]:
        """What rows of one batch have in common: L, N and where the first output is read."""
        return self.asked.inputs.shape[1], self.asked.targets.shape[1], self.asked.first


@dataclass(eq=False)
class Step(Generic[Report]):
    """The next step of a training: taken alone, or before that together with others'.

    Attributes:
        training: whose it is.
        due: says, when it is taken, whether predicted ids, p(target) and rank are measured too.
        detail: whether they were.
        seconds: how long it took, by the clock; with others', that of all.
        share: its part of that in passes, by positions; zero until it is taken.
    """

    training: Participant[Report]
    due: Callable[[], bool] = lambda: False
    detail: bool = False
    seconds: float = 0.0
    share: float = 0.0
    _said: Report | Exception | None = None

    @property
    def kind(self) -> tuple[int, torch.dtype]:
        """Equal for steps that can be taken together: one model, in one number format."""
        return id(self.training.model.network), self.training.model.dtype

    def take(self) -> Report:
        """Return the report of the step; it is taken now if it has not been.

        Raises:
            Interrupted: if it was left while measuring; it can be taken again.
            Exception: whatever has gone wrong with this training.
        """
        if self._said is None:
            take_together([self])
        assert self._said is not None
        if isinstance(self._said, Exception):
            raise self._said
        return self._said

    def _propose(self) -> "list[Proposal] | Exception":
        self.detail = self.due()
        try:
            return self.training.propose(detail=self.detail)
        except Interrupted:
            raise
        except Exception as error:  # of this one, as a model in float32 that cannot be loaded
            return error

    def _apply(self, asked: "list[Proposal] | Exception", answers: "Sequence[Said]") -> None:
        bad = [each for each in (asked, *answers) if isinstance(each, Exception)]
        good = [each for each in answers if isinstance(each, Answer)]
        self.share = sum(each.seconds for each in good)
        try:
            if bad:
                raise bad[0]
            assert isinstance(asked, list)
            self._said = self.training.apply(asked, good)
        except Exception as error:  # of this one: it ends with it, and the others go on
            self._said = error


def that_fit(steps: Sequence[Step[Report]]) -> int:
    """Return how many of the steps, from the first, make one pass: at least one."""
    trainings = [step.training for step in steps]
    rows = [(length, each.rows_at_once) for each in trainings for length in each.live_lengths]
    room = rows_of_next_pass(trainings[0].model.device, rows) if rows else 0
    for count, training in enumerate(trainings):
        room -= len(training.live_lengths)
        if room < 0:
            return max(1, count)
    return len(steps)


def take_together(steps: Sequence[Step[Report]]) -> None:
    """Take several steps with the same passes; what came of each, its `take` says.

    One whose step is not possible stands still, and the others go on.

    Raises:
        Interrupted: if they were left while measuring; nothing has changed then.
    """
    started = time.monotonic()
    with abandonable():
        asked = [step._propose() for step in steps]
        said = iter(answer([each for asks in asked if isinstance(asks, list) for each in asks]))
        answers = [[next(said) for _ in asks] if isinstance(asks, list) else [] for asks in asked]
    for step, asks, mine in zip(steps, asked, answers, strict=True):
        step._apply(asks, mine)
        step.seconds = time.monotonic() - started


def answer(proposals: Sequence[Proposal]) -> list[Said]:
    """Run the models on what is proposed, in passes as large as memory and speed allow.

    If memory does not suffice after all, the same rows come again, fewer at a time. Where one row
    alone does not fit, the answer to its proposal is an error that says so.

    Raises:
        Interrupted: if somebody wants it to be left.
    """
    together: defaultdict[object, list[_Part]] = defaultdict(list)
    for k, asked in enumerate(proposals):
        kind = id(asked.model.network), asked.model.dtype
        together[kind].append(_Part(k, asked, 0, len(asked.rows)))
    said: dict[int, list[Answer]] = {k: [] for k in range(len(proposals))}
    failed: dict[int, BadInputError] = {}
    for parts in together.values():
        left = sorted(parts, key=lambda part: -part.like[0])  # equal lengths side by side
        while left:
            check()
            now, later = _next_pass(left)
            try:
                for k, found in _run(now):
                    said[k].append(found)
                left = later
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if sum(part.rows for part in now) > 1:
                    _shrink(now)
                    continue
                failed[now[0].k] = BadInputError(tr(ONE_ROW))
                left = [part for part in left if part.k != now[0].k]
    return [failed[k] if k in failed else _joined(said[k]) for k in said]


def _next_pass(left: list[_Part]) -> tuple[list[_Part], list[_Part]]:
    """Return what the next pass reads, and what is left after it."""
    rows = [
        (part.like[1], part.asked.owner.rows_at_once) for part in left for _ in range(part.rows)
    ]
    room = rows_of_next_pass(left[0].asked.model.device, rows)
    now, later = [], []
    for part in left:
        middle = part.start + min(room, part.rows)
        room -= middle - part.start
        now += [replace(part, stop=middle)] if middle > part.start else []
        later += [replace(part, start=middle)] if middle < part.stop else []
    return now, later


def _run(parts: list[_Part]) -> list[tuple[int, Answer]]:
    """Run one pass, where rows of the same length make one batch; say for which proposal it is."""
    started = time.perf_counter()
    model = parts[0].asked.model
    detail = any(part.asked.detail for part in parts)
    alike: defaultdict[tuple[int, int, int], list[_Part]] = defaultdict(list)
    for part in parts:
        alike[part.like].append(part)
    batches = [
        passes.Batch(
            torch.cat([part.asked.inputs[part.start : part.stop] for part in same]),
            torch.cat([part.asked.targets[part.start : part.stop] for part in same]),
            first,
        )
        for (_, _, first), same in alike.items()
    ]
    found = passes.loss_and_gradient(model, batches, detail=detail)
    if model.device.type == "cuda":  # else its time would be that of whoever asks first
        torch.cuda.synchronize(model.device)
    each_position = (time.perf_counter() - started) / sum(part.positions for part in parts)
    said = []
    for same, (measured, by_input) in zip(alike.values(), found, strict=True):
        at = 0
        for part in same:
            rows = slice(at, at + part.rows)
            of_rows = measured.of_rows(rows, detail=part.asked.detail)
            said.append((part.k, Answer(of_rows, by_input[rows], each_position * part.positions)))
            at = rows.stop
    return said


def _joined(said: list[Answer]) -> Answer:
    """Put answers about consecutive rows of a proposal into one."""
    if len(said) == 1:
        return said[0]
    statistics = join([each.statistics for each in said], (-1, said[0].statistics.loss.shape[1]))
    gradient = torch.cat([each.gradient for each in said])
    return Answer(statistics, gradient, sum(each.seconds for each in said))


def _shrink(parts: list[_Part]) -> None:
    tried = sum(part.rows for part in parts)
    for owner in {id(part.asked.owner): part.asked.owner for part in parts}.values():
        owner.shrink(tried)
    if parts[0].asked.model.device.type == "cuda":
        torch.cuda.empty_cache()
