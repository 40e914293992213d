"""Looks inside the forward pass of one solution: what the worker and the command line run.

Everything is measured in float32, on the weights that the solution was trained on. A few passes
give it all: one whose hidden states and attention weights are kept, one with attention to e cut
at some layers, and two with e and m changed.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from explorer.base.errors import BadInputError, MissingAssetError, ModelError
from explorer.base.formatting import human_bytes, human_seconds
from explorer.base.language import later, tr
from explorer.base.progress import Progress
from explorer.inside import others as partners
from explorer.inside import reading
from explorer.inside.header import MOST_TOKENS, Trial, What, Writing, describe, roles_of
from explorer.inside.result import FILE, TOP, Inside
from explorer.model import inside
from explorer.model.head import TokenStatistics
from explorer.model.metrics import input_sequence
from explorer.model.pool import ModelPool
from explorer.runtime.interruption import Interrupted, abandonable
from explorer.solutions.solution import Solution
from explorer.specs.arrangements import read_from
from explorer.specs.jobs import InsideSpec
from explorer.tasks.experiments.readout import write
from explorer.tasks.inside import trials, writing
from explorer.tasks.inside.trials import Pair
from explorer.tasks.task import Task

R = TypeVar("R")

ROWS = 64
"""Passes with e and m changed that are run at one time."""
SPANS: dict[What, Callable[[int, int], inside.Span]] = {
    "one": lambda layer, _: (layer - 1, layer),
    "until": lambda layer, _: (0, layer),
    "from": lambda layer, layers: (layer - 1, layers),
}
"""At which layers attention is cut, by a layer (from 1) and their number."""


class InsideTask(Task):
    """Looks inside one solution, part by part; the file is written again after each.

    Attributes:
        found: the result as far as it is there, None before the first part.
    """

    def __init__(
        self,
        solution: Solution,
        spec: InsideSpec,
        pool: ModelPool,
        folder: Path,
        job: str | None = None,
        swap_with: Sequence[Solution] = (),
    ) -> None:
        """Load the model.

        Args:
            solution: where to look.
            spec: how much to try.
            pool: where models come from.
            folder: for the result.
            job: the job's id, None on the command line.
            swap_with: solutions that e and m are swapped with (`explorer.inside.others`).

        Raises:
            BadInputError: if the text is too long, or other solutions do not fit.
            MissingAssetError: if the model is not on this disk.
            ModelError: if it cannot be loaded, or has other weights than the solution's.
        """
        for other in swap_with:
            partners.require_fits(solution, other)
        self._roles = roles_of(solution.record.arrangement, solution.length)
        self.solution, self.spec = solution, spec
        self.others = list(swap_with) if "m" in self._roles else []  # else nothing can be swapped
        self.model = pool.of_solution(solution)
        if solution.length > MOST_TOKENS:
            config = self.model.network.config.get_text_config(decoder=True)
            raise BadInputError(_too_long(solution.length, config))
        self.found: Inside | None = None
        self._file, self._job = folder / FILE, job
        self._key, self._first = solution.record.arrangement, read_from(solution.record.arrangement)
        self._targets = torch.from_numpy(solution.target_ids).to(self.model.device)
        self._inputs = self._lay_out(solution.e[None], solution.m[None])[0]
        self._seconds: dict[str, float] = {}
        self._notices: list[str] = []
        self._writings: list[Writing] = []
        self._tried: list[tuple[Trial, TokenStatistics]] = []
        self._said = Progress(tr("Keeping what one pass leaves on its way."), 0.0)

    def _work(self) -> Iterator[Progress]:
        traced = yield from self._timed(later("states"), self._trace)
        yield self._next(tr("Reading the hidden states through the lens."), 0.1)
        self.found = yield from self._timed(later("lens"), partial(self._read, *traced))
        yield self._next(tr("Cutting attention to e."), 0.3)
        self._tried += yield from self._timed(later("attention cut"), self._cut)
        yield self._next(tr("Changing e and m."), 0.55)
        spec = self.spec
        yield from self._try(trials.changed(self.solution, self.others, spec.draws, spec.seed))
        yield self._next(tr("Looking for the radius."), 0.75)
        yield from self._try(list(trials.between(self.solution, self._with_trials(), spec.seed)))
        if spec.write:
            yield from self._write()
        self._save()

    @property
    def outcome(self) -> str:
        """Where the text appears, and how long the look took."""
        if self.found is None:
            return self._said.sentence
        taken = human_seconds(sum(self._seconds.values()))
        return tr(
            "{found} This was computed in {time}.", found=reading.sentence(self.found), time=taken
        )

    @property
    def notices(self) -> list[str]:
        """What could not be looked at, and why."""
        return [*super().notices, *self._notices]

    def _next(self, sentence: str, fraction: float) -> Progress:
        """Say what comes next; what is there by now is saved before."""
        if self.found is not None:
            self._save()
        self._said = Progress(sentence, fraction)
        return self._said

    def _timed(self, part: str, compute: Callable[[], R]) -> Generator[Progress, None, R]:
        """Compute, begun again where it was left in the middle, and note how long it took."""
        while True:
            started = time.perf_counter()
            with suppress(Interrupted), abandonable():
                made = compute()
                taken = time.perf_counter() - started
                self._seconds[part] = self._seconds.get(part, 0.0) + taken
                return made
            yield self._said

    def _lay_out(
        self, e: Float[np.ndarray, "rows d"], m: Float[np.ndarray, "rows d"]
    ) -> Float[Tensor, "rows L d"]:
        on_e, on_m = (torch.from_numpy(np.array(v)).to(self.model.device) for v in (e, m))
        sink = self.solution.record.sink
        return input_sequence(self.model, on_e, on_m, self._key, self.solution.length, sink)

    def _read_positions(self, states: Float[Tensor, "rows L d"]) -> Float[Tensor, "rows N d"]:
        return states[:, self._first : self._first + self.solution.length]

    def _trace(self) -> tuple[inside.Trace, NDArray[np.float32]]:
        """Return what the pass leaves, and how ordinary text attends to its first position."""
        traced = inside.trace(self.model, self._inputs)
        if traced.attention is None:
            return traced, np.zeros((len(traced.states) - 1, 0), np.float32)
        ids, bos = self.solution.target_ids.tolist(), self.model.tokenizer.bos_id
        tokens = self.model.embed(torch.tensor([ids if bos is None else [bos, *ids]]))[0]
        plain = inside.trace(self.model, tokens).attention
        assert plain is not None
        later = plain[:, :, 1:, 0] if plain.shape[2] > 1 else plain[..., 0]
        return traced, later.mean(-1).cpu().numpy()

    def _read(self, traced: inside.Trace, plain: NDArray[np.float32]) -> Inside:
        """Read the states through the lens and measure how alike they are."""
        states = self._read_positions(traced.states)
        read = inside.lens(self.model, states, self._targets, TOP)  # may be left, and begun again
        if traced.attention is None:
            self._notices.append(
                tr(
                    "Models of the type “{kind}” give no attention weights, so where positions "
                    "look is not shown. Everything else is.",
                    kind=self.model.network.config.model_type,
                )
            )
        L, N = len(self._roles), self.solution.length
        kept = traced.attention
        tensors: dict[str, Any] = {
            name: getattr(read, name).cpu().numpy()
            for name in ("predicted", "p", "rank", "top_ids", "top_p")
        } | {
            "similarity": self._alike(traced.states),
            "attention": np.zeros((len(plain), 0, L, L)) if kept is None else kept.cpu().numpy(),
            "plain": plain,
        }
        tensors |= {f"trial_{name}": np.zeros((0, N)) for name in ("predicted", "p", "rank")}
        header = describe(
            self.solution,
            self.others,
            self.model.tokenizer,
            layers=len(plain),
            heads=plain.shape[1],
            directions=self.spec.seed,
            asked=self.spec,
            confirmed_in=self.model.number_format,
            device=self.model.device.type,
            job=self._job,
        )
        return Inside(header, **tensors).in_format()

    def _alike(self, states: Float[Tensor, "S L d"]) -> NDArray[np.float32]:
        """Return mean, least and greatest cosine between any two positions fed the same vector.

        NaN where there are no two.
        """
        many = "m" if self._roles.count("m") >= 2 else "e"
        fed_same = torch.tensor([role == many for role in self._roles], device=states.device)
        unit = normalize(states[:, fed_same].cpu().double(), dim=-1)
        count = unit.shape[1]
        if count < 2:
            return np.full((len(states), 3), np.nan, np.float32)
        above = torch.triu(torch.ones(count, count, dtype=torch.bool, device=unit.device), 1)
        cosines = (unit @ unit.mT)[:, above]
        three = torch.stack([cosines.mean(1), cosines.amin(1), cosines.amax(1)], 1)
        return three.cpu().numpy().astype(np.float32)

    def _cut(self) -> list[tuple[Trial, TokenStatistics]]:
        """Try passes in which no position can see another one that holds e."""
        layers, roles = len(self.model.body.layers) if self.model.body else 1, self._roles
        at_m, at_e = (
            torch.tensor([r == role for r in roles], device=self.model.device) for role in "me"
        )
        if not at_m.any():
            said = tr("This arrangement has no m, so there is no attention to e to cut.")
            self._notices.append(said)
            return []
        count = min(self.spec.depths, layers)
        depths = np.unique(np.linspace(layers, 1, count).round().astype(int)).tolist()
        asked = [(what, layer) for what in SPANS for layer in depths]
        spans = [SPANS[what](layer, layers) for what, layer in asked]
        cut = at_e & ~torch.eye(len(roles), dtype=torch.bool, device=self.model.device)
        try:
            states = inside.states_with_attention_cut(self.model, self._inputs, cut, spans)
        except ModelError as error:
            self._notices.append(str(error))
            return []
        assert self.model.head is not None
        read, N = self._read_positions(states).flatten(0, 1), self.solution.length
        measured, _ = self.model.head.measure(read, self._targets.repeat(len(asked)), detail=True)
        return [
            (
                Trial(part="cut", what=what, at=layer),
                measured.of_rows(slice(k * N, (k + 1) * N), detail=True),
            )
            for k, (what, layer) in enumerate(asked)
        ]

    def _try(self, pairs: Sequence[Pair]) -> Iterator[Progress]:
        """Measure what the model says of changed e and m."""
        for start in range(0, len(pairs), ROWS):
            some = pairs[start : start + ROWS]
            inputs = self._lay_out(np.stack([p.e for p in some]), np.stack([p.m for p in some]))
            targets = self._targets.expand(len(some), -1)
            measure = partial(self.model.measure, inputs, targets, self._first, detail=True)
            measured = yield from self._timed(later("e and m changed"), measure)
            self._tried += [
                (pair.trial, measured.of_rows(slice(k, k + 1), detail=True))
                for k, pair in enumerate(some)
            ]
            yield self._said

    def _write(self) -> Iterator[Progress]:
        """Let the model go on, and compare what it writes."""
        fed = list(writing.asked(self.model, self.solution, self._inputs))
        written: list[tuple[str, str, str]] = []
        for k, (start, question, embeddings) in enumerate(fed):
            said = tr("Letting the model write: {at} of {all}.", at=k + 1, all=len(fed))
            yield self._next(said, 0.8 + 0.02 * k)
            go_on = partial(write, self.model, embeddings, self.spec.tokens)
            ids = yield from self._timed(later("writing"), go_on)
            written.append((start, question, self.model.tokenizer.decode(ids)))
        self._writings = [Writing(start=s, question=q, text=t) for s, q, t in written]
        yield self._next(tr("Comparing what was written."), 0.98)
        try:
            compare = partial(writing.compared, self.solution.record.text, written)
            self._writings = yield from self._timed(later("comparing"), compare)
        except MissingAssetError as error:
            self._notices.append(str(error))

    def _with_trials(self) -> Inside:
        """Return the result with everything that has been tried by now."""
        assert self.found is not None
        N, known = self.solution.length, [trial for trial, _ in self._tried]
        tensors: dict[str, Any] = {
            f"trial_{name}": np.array(
                [getattr(row, name).cpu().numpy().reshape(N) for _, row in self._tried]
            ).reshape(len(known), N)
            for name in ("predicted", "p", "rank")
        }
        header = self.found.header.model_copy(update={"trials": known})
        return replace(self.found, header=header, **tensors).in_format()

    def _save(self) -> None:
        found = self._with_trials()
        others = [np.array(other.text.target_ids) for other in found.header.others]
        named = (found.targets, found.predicted, found.top_ids, found.trial_predicted, *others)
        ids = np.unique(np.concatenate([each.ravel() for each in named])).tolist()
        update = {
            "pieces": dict(zip(ids, self.model.tokenizer.pieces(ids), strict=True)),
            "seconds": dict(self._seconds),
            "notices": list(self._notices),
            "writings": list(self._writings),
        }
        self.found = replace(found, header=found.header.model_copy(update=update))
        self.found.save(self._file)


def _too_long(N: int, config: Any) -> str:
    """Say why there is no look inside a text of N tokens, with what it would take."""
    layers, heads = (
        int(getattr(config, name, None) or 1)
        for name in ("num_hidden_layers", "num_attention_heads")
    )
    return tr(
        "This text has {length} tokens. Looking inside it would take about {times} times as long "
        "as for 32, and its attention maps alone {size}. At most {most} tokens can be looked at: "
        "pick a solution of a shorter text.",
        length=N,
        times=f"{N / 32:.0f}",
        size=human_bytes(2 * layers * heads * N * N),
        most=MOST_TOKENS,
    )
