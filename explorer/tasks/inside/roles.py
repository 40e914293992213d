"""Measures what e and m of a set carry: probes, swaps and noise, in float32."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from explorer.base.errors import BadInputError
from explorer.base.language import later, tr
from explorer.base.progress import Progress
from explorer.geometry import linear_probes, roles, text_distances
from explorer.geometry.depth import PLACES
from explorer.geometry.distance_report import few_contexts
from explorer.geometry.distances import KINDS, has_one_m, kinds, pairs, texts
from explorer.geometry.linear_probes import Folds
from explorer.geometry.roles import (
    ROLES,
    Noise,
    OverContexts,
    Probe,
    Radius,
    RolesReport,
    Swap,
    Target,
)
from explorer.inside.header import roles_of
from explorer.model.metrics import input_sequence
from explorer.model.pool import ModelPool
from explorer.runtime.interruption import Interrupted, abandonable
from explorer.solutions.sets import SolutionSet
from explorer.solutions.solution import Solution
from explorer.specs.arrangements import read_from
from explorer.specs.recipes import THRESHOLD
from explorer.tasks.inside import trials
from explorer.tasks.inside.depth import states_of
from explorer.tasks.task import Task

DEPTHS = 7
"""Layers whose states are probed, the input and the last among them."""
LENGTHS = tuple(2.0**k for k in range(-6, 0))
"""Of noise, as shares of the norm of what it is added to."""
ROWS = 64
ONE_M = later(
    "All solutions of this set have one m. So it tells nothing of a text, swapping it changes "
    "nothing, and e alone makes the difference."
)
ALL_EQUAL = later(
    "The {target} is the same for all texts of this set, so there is nothing to read."
)
EQUAL_TOGETHER = later(
    "The {target} is the same for all texts that are held out together, so nothing can be read."
)


class RolesTask(Task):
    """Measures what e and m of every exact solution of a set carry.

    Attributes:
        found: the result, once `steps` has ended.
    """

    def __init__(self, given: SolutionSet, pool: ModelPool) -> None:
        """Load the model.

        Raises:
            BadInputError: if the set has too few or too many exact solutions, a text twice, one
                context, or no m.
            MissingAssetError: if the model, or the sentence model, is not on this disk.
            ModelError: if it cannot be loaded, or has other weights than the set's.
        """
        self._pairs = pairs(given)
        if len(np.unique(self._pairs.contexts)) < 4:  # two are held out, two are left to learn from
            raise BadInputError(
                tr(
                    "What e and m carry is tested on contexts that were not seen before. "
                    "That takes at least four with exact solutions. Make a set with more "
                    "contexts.",
                )
            )
        first = given.solutions[0]
        if "m" not in roles_of(first.record.arrangement, first.length):
            raise BadInputError(
                tr(
                    "This arrangement has no m to compare e with. Choose a set of another one.",
                )
            )
        self.set = given
        self.model = pool.of_solution(first)
        self._embed = text_distances.sentence_model().encode
        of = self._pairs.texts
        self._firsts = [int(np.argmax(of == text)) for text in range(int(of.max()) + 1)]
        self._contexts = np.unique(self._pairs.contexts[self._firsts], return_inverse=True)[1]
        self.found: RolesReport | None = None

    def _work(self) -> Iterator[Progress]:
        started, one_m = time.perf_counter(), has_one_m(self.set)
        states = yield from states_of(self.set, self.model, 0.1)
        targets, places = self._targets(), [PLACES.index(role) for role in ROLES]
        probes = yield from self._probe(states[:, places], targets)
        swaps = [] if one_m else (yield from self._swap())
        noise, radii = yield from self._shake()
        record = self.set.record
        names = np.unique(self._pairs.contexts)
        self.found = RolesReport(
            set=record.id,
            model=record.spec.model,
            length=record.spec.length,
            arrangement=record.spec.arrangement,
            regime=record.spec.regime,
            layers=len(states) - 1,
            contexts=[record.contexts[k].text or record.contexts[k].title for k in names],
            solutions=len(self.set.solutions),
            texts=len(self._firsts),
            probes=probes,
            swaps=swaps,
            noise=noise,
            radii=radii,
            notes=[
                *few_contexts(len(names)),
                *([ONE_M] if one_m else []),
                *(
                    (EQUAL_TOGETHER if np.ptp(values, 0).any() else ALL_EQUAL).format(target=target)
                    for target, values in targets.items()
                    if target not in {p.target for p in probes}
                ),
            ],
            device=self.model.device.type,
            seconds=time.perf_counter() - started,
        )
        roles.REPORTS.save(record, self.found)

    @property
    def outcome(self) -> str:
        """What decides whether m holds more of the meaning than e."""
        return self.found.sentence if self.found else tr("Nothing was measured yet.")

    def _targets(self) -> dict[Target, Float[np.ndarray, "T k"]]:
        """Return what is read from the vectors: for each text a direction or, of a class, one."""
        from scipy.stats import rankdata

        said, solutions = texts(self.set), [self.set.solutions[k] for k in self._firsts]
        members = [self.set.members[k] for k in self._firsts]
        sources = [self.set.record.contexts[m.context].source for m in members]
        ends = torch.tensor([[s.target_ids[0], s.target_ids[-1]] for s in solutions])
        first, last = self.model.embed(ends).cpu().double().numpy().swapaxes(0, 1)
        number = np.unique(sources, return_inverse=True)[1]
        long = np.pi * rankdata([len(text) for text in said]) / len(said)
        return {
            "meaning": directions(np.asarray(self._embed(said), dtype=np.float64)),
            "context": np.eye(int(self._contexts.max()) + 1)[self._contexts],
            "source": np.eye(int(number.max()) + 1)[number],
            "length": np.stack([np.cos(long), np.sin(long)], 1),  # half a turn, by rank
            "first token": directions(first),
            "last token": directions(last),
        }

    def _probe(
        self,
        states: Float[np.ndarray, "S 2 K d"],
        targets: dict[Target, Float[np.ndarray, "T k"]],
    ) -> Generator[Progress, None, list[Probe]]:
        """Read every target from e and m, and from the states where they stand at some layers."""
        contexts, found = self._contexts, list[Probe]()
        over_texts, over_contexts = (
            linear_probes.over_texts(contexts),
            linear_probes.over_contexts(contexts),
        )
        depths = np.unique(np.linspace(0, len(states) - 1, DEPTHS).round().astype(int)).tolist()
        asked = [(layer, k) for layer in depths for k in range(len(ROLES))]
        for done, (layer, k) in enumerate(asked):
            vectors = states[layer, k].astype(np.float64)
            yield Progress(
                tr(
                    "Reading texts from {vector} after layer {layer}.", vector=ROLES[k], layer=layer
                ),
                0.1 + 0.6 * done / len(asked),
            )
            if np.ptp(vectors, axis=0).max() < 1e-9:  # one vector for all tells nothing
                continue
            hats = {
                id(folds): linear_probes.held_out(vectors, self._pairs.texts, folds)
                for folds in (over_texts, over_contexts)
            }
            for target, values in targets.items():
                folds: Folds = over_texts if target == "context" else over_contexts
                read = linear_probes.probe(hats[id(folds)], values, contexts, folds)
                if read is not None:
                    at = {"vector": ROLES[k], "layer": layer, "target": target}
                    found.append(Probe.of(read.by_context, p=read.p, **at))
        return found

    def _swap(self) -> Generator[Progress, None, list[Swap]]:
        """Run e of one solution of every text with m of another, of each kind that there is."""
        at, draw, solutions = self._pairs, np.random.default_rng(0), self.set.solutions
        every = np.arange(len(solutions))
        chosen: dict[int, list[tuple[int, int]]] = {}
        for i in self._firsts:
            kind = kinds(at.contexts, at.texts, np.full_like(every, i), every)
            for k in range(len(KINDS)):
                fitting = np.flatnonzero((kind == k) & (every != i))
                if len(fitting):
                    chosen.setdefault(k, []).append((i, int(draw.choice(fitting))))
        made = []
        for k, of_kind in sorted(chosen.items()):
            said = yield from self._say(
                [(solutions[i].e, solutions[j].m) for i, j in of_kind],
                Progress(tr("Swapping m within {kind}.", kind=KINDS[k]), 0.7 + 0.05 * k),
            )
            context = at.contexts[[i for i, _ in of_kind]]
            right = [
                np.array(
                    [
                        (s == solutions[pair[end]].target_ids).mean()
                        for s, pair in zip(said, of_kind, strict=True)
                    ]
                )
                for end in (0, 1)
            ]
            of_e, of_m = (OverContexts.of(self._by_context(r, context)) for r in right)
            made.append(Swap(kind=KINDS[k], pairs=len(of_kind), of_e=of_e, of_m=of_m))
        return made

    def _shake(self) -> Generator[Progress, None, tuple[list[Noise], list[Radius]]]:
        """Add noise of growing length to one solution of every text; find how much each stands."""
        solutions = [self.set.solutions[k] for k in self._firsts]
        context, noise, radii = self._pairs.contexts[self._firsts], list[Noise](), list[Radius]()
        for number, vector in enumerate(ROLES):
            accuracy = []
            for length in LENGTHS:
                moved = [
                    trials.moved(s, vector, 0, length, seed) for seed, s in enumerate(solutions)
                ]
                said = yield from self._say(
                    [(pair.e, pair.m) for pair in moved],
                    Progress(
                        tr("Adding noise to {vector} of each text.", vector=vector),
                        0.85 + 0.07 * number,
                    ),
                )
                right = (said == np.stack([s.target_ids for s in solutions])).mean(1)
                accuracy.append(right)
                by_context = self._by_context(right, context)
                noise.append(Noise.of(by_context, vector=vector, length=length))
            stood = doublings(np.array(accuracy) >= THRESHOLD)
            radii.append(Radius.of(self._by_context(stood, context), vector=vector))
        return noise, radii

    def _by_context(
        self, values: Float[np.ndarray, " n"], context: Int[np.ndarray, " n"]
    ) -> list[float]:
        """Return the mean of the values of each context; NaN where it has none."""
        names = np.unique(self._pairs.contexts)
        return [
            float(values[context == c].mean()) if (context == c).any() else np.nan for c in names
        ]

    def _say(
        self, fed: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]], doing: Progress
    ) -> Generator[Progress, None, Int[np.ndarray, "rows N"]]:
        """Return the tokens that come out for each e and m."""
        first: Solution = self.set.solutions[0]
        key, N, said = first.record.arrangement, first.length, list[NDArray[np.int64]]()
        while (at := ROWS * len(said)) < len(fed):
            yield doing
            e, m = (
                torch.from_numpy(np.stack(part)).to(self.model.device)
                for part in zip(*fed[at : at + ROWS], strict=True)
            )
            with suppress(Interrupted), abandonable():
                laid = input_sequence(self.model, e, m, key, N, first.record.sink)
                any_target = torch.zeros(len(e), N, dtype=torch.long, device=e.device)
                measured = self.model.measure(laid, any_target, read_from(key), detail=True)
                assert measured.predicted is not None
                said.append(measured.predicted.view(-1, N).cpu().numpy())
        return np.concatenate(said)


def directions(vectors: Float[np.ndarray, "T k"]) -> Float[np.ndarray, "T k"]:
    """Return where each vector lies as seen from their mean, as unit vectors; 0 for the mean."""
    apart = vectors - vectors.mean(0)
    length = np.linalg.norm(apart, axis=1, keepdims=True)
    seen: Float[np.ndarray, "T k"] = apart / np.where(length > 0, length, 1)
    return seen


def doublings(holds: Bool[np.ndarray, "lengths n"]) -> Float[np.ndarray, " n"]:
    """Return log2 of how much noise each stands: midway between the last that holds and the next.

    Half a doubling below the least length where none holds, above the greatest where all do.
    """
    whole = np.logical_and.accumulate(holds, 0).sum(0)
    stood: Float[np.ndarray, " n"] = np.log2(LENGTHS[0]) + whole - 0.5
    return stood
