"""How many steps a text usually takes until it is exact: what was seen here, else what ships.

Every restart that a run, a set or an experiment has brought to its end is a sample. Those of this
machine and this model count first, then the recorded runs that ship. Free of torch.
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import func, select

from explorer.assets import catalog
from explorer.base import folders
from explorer.base.database import SolutionRow, transaction
from explorer.base.errors import ExplorerError, StorageError
from explorer.experiments import runs
from explorer.solutions.solution import lost
from explorer.specs.arrangements import AUTO, PAPER_DEFAULT
from explorer.specs.recipes import Recipe

PAIR, SHARED = "pair", "shared"
"""Schemes besides the memory vectors of capacity: e and m of a row's own, or one for several."""
SCHEMES = {"m free": PAIR, "m shared": SHARED}
"""The same by capacity's names; memory vectors are called alike in both."""
AS_LONG = {"independent": 1.0, "informed": 0.7, "paper": 12.0}
"""Steps of a kind of recipe in those of `independent`, the embedded model (README)."""
QUICKER = 0.35
"""The first exact of K restarts takes K to this power times fewer steps than a single one: of four
at N = 8 36 to 44 steps where one takes 52, at N = 24 134 where one takes 213."""
ENOUGH = 3
"""Restarts that were seen, fewer of which say nothing."""
MIXED = (8, 24), (0.9, 0.65)
"""Steps with e and m mixed, by N, in those of the nearest to the paper's arrangement: 23 of 25 and
54 of 85 on the texts that are reported, fast (`benchmarks/README.md`, Mixed)."""
NEAR, GROWTH = 2.0, 1.2
"""Lengths within this factor speak for each other; steps grow with this power of the length."""
NEWEST = 3000
"""Solutions of this machine that are looked at."""


@dataclass(frozen=True)
class Sample:
    """One restart that came to its end.

    Attributes:
        model: its name.
        here: trained on this machine, not shipped.
        scheme: `PAIR`, `SHARED`, or a scheme of capacity's memory vectors.
        suits: whether the arrangement suits the model.
        kind: of its recipe, a key of `AS_LONG`.
        n: target tokens.
        steps: as if it had been alone.
        exact: whether it became exact (all that share its vectors).
        most: steps it was allowed.
    """

    model: str
    here: bool
    scheme: str
    arrangement: str
    suits: bool
    kind: str
    n: int
    steps: float
    exact: bool
    most: int


@dataclass(frozen=True)
class Usual:
    """What is to be expected of one restart.

    Attributes:
        steps: of restarts that became exact, rising; at least one.
        share: of restarts that do, given the steps, 0 to 1.
        here: how many of them were seen on this machine.
    """

    steps: tuple[float, ...]
    share: float
    here: int = 0

    def at(self, part: float, restarts: int = 1) -> float:
        """Return the steps within which this part of the exact ones is, for the first of some."""
        place = min(len(self.steps) - 1, int(part * len(self.steps)))
        return self.steps[place] / float(restarts**QUICKER)

    def mean(self, most: int, restarts: int = 1) -> float:
        """Return the mean steps of the first exact of some restarts."""
        faster = float(restarts**QUICKER)
        return sum(min(s / faster, most) for s in self.steps) / len(self.steps)

    def any_of(self, restarts: float) -> float:
        """Return how likely at least one of some restarts becomes exact."""
        return float(1 - (1 - self.share) ** restarts)


def usual(
    model: str,
    arrangement: str,
    recipe: Recipe,
    n: int,
    scheme: str = PAIR,
    seen: Sequence[Sample] | None = None,
) -> Usual:
    """Return how many steps a restart usually takes.

    Args:
        model: its name.
        arrangement: how e and m are laid out; `auto`: the nearest to the paper's that
            suits the model.
        recipe: how it is trained; other recipes count in proportion.
        n: target tokens.
        scheme: what is trained.
        seen: `samples`, for who asks more than once.
    """
    found = suiting(model)
    nearest, paper, _ = found
    arrangement = nearest if arrangement == AUTO else arrangement
    suits = arrangement in found
    seen = [s for s in (samples() if seen is None else seen) if s.scheme == scheme]
    own = [s for s in seen if s.model == model and s.arrangement == arrangement]
    kind = kind_of(recipe)
    of_kind = [s for s in own if s.kind == kind]
    for group in ([s for s in of_kind if s.here], of_kind, own):
        if known := _usual(group, kind, n, recipe.max_steps):
            return known
    if arrangement == "sink+mixed":
        as_long, part = usual(model, nearest, recipe, n, scheme, seen), np.interp(n, *MIXED)
        return replace(as_long, steps=tuple(steps * float(part) for steps in as_long.steps))
    if arrangement == nearest != paper:  # with a sink before e: no more steps than without
        return usual(model, paper, recipe, n, scheme, seen)
    others = [s for s in seen if s.model != model and s.suits == suits]
    if known := _usual(own + others, kind, n, recipe.max_steps):
        return known
    long = (60 + 7 * n) * AS_LONG[kind]
    return Usual((0.7 * long, long, 1.5 * long), 0.8 if suits or scheme != PAIR else 0.0)


def _usual(group: Sequence[Sample], kind: str, n: int, most: int) -> Usual | None:
    """Return what samples of about this length say, or None if they are too few."""
    near = [s for s in group if 1 / NEAR <= s.n / n <= NEAR]
    if len(near) < ENOUGH and group:  # else the nearest length there is
        at = min((s.n for s in group), key=lambda length: max(length, n) / min(length, n))
        near = [s for s in group if s.n == at]
    if len(near) < ENOUGH:
        return None
    scaled = [(s, (n / s.n) ** GROWTH * AS_LONG[kind] / AS_LONG[s.kind]) for s in near]
    exact = sorted(s.steps * by for s, by in scaled if s.exact)
    if not exact:
        return Usual((float(most),), 0.0, sum(s.here for s in near))
    # one that was not given long enough says nothing
    patient = min(most, 3 * exact[len(exact) // 2])
    failed = sum(not s.exact and s.most * by >= 0.9 * patient for s, by in scaled)
    return Usual(tuple(exact), len(exact) / (len(exact) + failed), sum(s.here for s in near))


def kind_of(recipe: Recipe) -> str:
    """Return which kind a recipe is of: a key of `AS_LONG`."""
    if recipe.init == "normal":
        return "paper"
    return "informed" if recipe.informed else "independent"


def suiting(model: str) -> tuple[str, str, str]:
    """Return what suits a model: nearest to the paper's arrangement, one of it, the quickest.

    Looked up once a minute: the model may be probed meanwhile.
    """
    return _suiting(model, int(time.monotonic() / 60))


@lru_cache(maxsize=64)
def _suiting(model: str, _minute: int) -> tuple[str, str, str]:
    with suppress(ExplorerError):
        if (found := catalog.find(model).first_position) is not None:
            return found.arrangement, found.of_paper, found.quickest
    return PAPER_DEFAULT, PAPER_DEFAULT, PAPER_DEFAULT


def samples() -> list[Sample]:
    """Return every restart that was seen to its end, on this machine or by the recorded runs."""
    found: list[Sample] = []
    for folder in runs.run_folders():
        with suppress(OSError):
            found += _of_run(folder, (folder / runs.CELLS_FILE).stat().st_mtime_ns)
    with suppress(StorageError):
        with transaction() as session:
            asked = select(func.count(), func.max(SolutionRow.created))
            count, newest = session.execute(asked.select_from(SolutionRow)).one()
        found += _of_solutions(folders.local(), count, newest)
    return found


@lru_cache(maxsize=64)
def _of_run(folder: Path, _changed: int) -> tuple[Sample, ...]:
    try:
        run = runs.load(folder)
    except ExplorerError:
        return ()
    asked: Any = run.settings
    if not hasattr(asked, "recipe"):
        return ()
    rows = {  # of one restart there can be several
        row.get("solution", (done.key, k)): row
        for done in run.done
        for k, row in enumerate(done.rows)
    }
    made = (_sample(asked, row, here=not run.ships) for row in rows.values())
    return tuple(sample for sample in made if sample is not None)


def _sample(asked: Any, row: dict[str, Any], *, here: bool) -> Sample | None:
    scheme = SCHEMES.get(row.get("scheme", ""), row.get("scheme", PAIR))
    if row.get("s_g", 1) > 1:
        scheme = SHARED
    first = asked.experiment != "sharing" and scheme != SHARED
    most, steps = asked.recipe.max_steps, float(row["steps"])
    exact = steps < most if scheme == SHARED else bool(row["exact"])
    arrangement = row.get("arrangement", getattr(asked, "arrangement", ""))
    return _ended(
        model=asked.model, here=here, scheme=scheme, arrangement=arrangement,
        recipe=asked.recipe, n=int(row.get("n", getattr(asked, "length", 0))), steps=steps,
        exact=exact, restarts=asked.restarts if first else 1,
    )  # fmt: skip


def _ended(
    *, model: str, here: bool, scheme: str, arrangement: str, recipe: Recipe, n: int,
    steps: float, exact: bool, restarts: int,
) -> Sample | None:  # fmt: skip
    """Return a sample, or None for a restart that was ended because another one was exact."""
    if n < 1 or (not exact and steps < recipe.max_steps):
        return None
    alone = steps * restarts**QUICKER if exact else steps
    suits = arrangement in suiting(model)
    return Sample(
        model, here, scheme, arrangement, suits, kind_of(recipe), n, alone, exact, recipe.max_steps
    )


@lru_cache(maxsize=2)
def _of_solutions(_cache: Path, _count: int, _newest: str | None) -> tuple[Sample, ...]:
    """Return samples of the newest solutions in the catalogue."""
    columns = select(SolutionRow.job, SolutionRow.length, SolutionRow.record)
    with transaction() as session:
        rows = session.execute(columns.order_by(SolutionRow.created.desc()).limit(NEWEST)).all()
    read = [(job, n, json.loads(record)) for job, n, record in rows]
    beside = Counter((job, record.get("text")) for job, _, record in read)
    raced = {(job, record.get("text")) for job, _, record in read if lost(record.get("reason"))}
    found = []
    for job, n, record in read:
        of = job, record.get("text")
        with suppress(KeyError, ValueError, TypeError):
            alone = record.get("kind", "one-forward") == "one-forward"
            made = _ended(
                model=record["model"],
                here=True,
                scheme=PAIR
                if alone
                else ("two mem" if record["tokens_of_memory"] > 1 else "one mem"),
                arrangement=record.get("arrangement", ""),
                recipe=Recipe.model_validate(record["recipe"]),
                n=n,
                steps=record["steps"],
                exact=record["exact"] and not record.get("shared_m", False),
                restarts=beside[of] if of in raced else 1,  # else each was trained to its end
            )
            if made is not None:
                found.append(made)
    return tuple(found)
