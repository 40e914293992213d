"""Distances of a set by depth: of what the model makes of e and m, layer by layer (E6).

In the input space most of a random start survives training. Here the same pairs are compared by
the cosine distance of hidden states. Nothing about it is claimed by the paper.
"""

from collections.abc import Generator
from typing import Literal, get_args

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import NDArray
from pydantic import Field

from explorer.base.language import tr
from explorer.base.progress import Progress
from explorer.base.provenance import Recorded
from explorer.base.value import Value
from explorer.geometry.distance_report import few_contexts
from explorer.geometry.distances import KINDS, Kind, cosine_distances, pairs
from explorer.geometry.effects import Comparison, compare
from explorer.geometry.projection import following, principal
from explorer.geometry.set_reports import SetReports
from explorer.solutions.sets import SolutionSet

Place = Literal["e", "m", "last"]
PLACES: tuple[Place, ...] = get_args(Place)
PLACE_NAMES: dict[Place, str] = {
    "e": "where e stands (mean)",
    "m": "where m stands (mean)",
    "last": "at the last position",
}
RESAMPLES, PERMUTATIONS = 400, 399
"""Fewer than for the input space: there are about a hundred such statistics."""


class AtDepth(Value):
    """The pairs of a set after one layer, at one place."""

    place: Place
    layer: int = Field(ge=0, description="0: the input; else the layer that the states come from.")
    medians: dict[Kind, float] = Field(description="Cosine distance.")
    comparisons: list[Comparison] = Field(description="Empty where all states are equal.")


class Point(Value):
    """One solution on the map."""

    id: str
    context: int
    text: int = Field(description="Number of its text, over all contexts.")
    seed: int


class Layout(Value):
    """Where the solutions lie after one layer, at one place."""

    place: Place
    layer: int
    at: list[tuple[float, float]] = Field(description="Of each solution; root mean square 1.")
    explained: float = Field(description="Share of the variance that the two components hold.")


class DepthReport(Recorded):
    """What the pairs of a set say, layer by layer."""

    version: Literal[1] = 1
    set: str
    model: str
    layers: int
    solutions: int
    texts: int
    contexts: int
    counts: dict[Kind, int]
    rows: list[AtDepth]
    points: list[Point]
    layouts: list[Layout] = Field(description="PCA, each turned to lie nearest to the one before.")
    resamples: int = RESAMPLES
    permutations: int = PERMUTATIONS
    notes: list[str] = []  # noqa: RUF012 (pydantic copies it)
    device: str = "cpu"
    seconds: float = 0.0

    def at(self, place: Place) -> list[AtDepth]:
        """Return the rows of one place, by layer."""
        return sorted((r for r in self.rows if r.place == place), key=lambda row: row.layer)

    def map_of(self, place: Place) -> list[Layout]:
        """Return the layouts of one place, by layer."""
        return sorted((m for m in self.layouts if m.place == place), key=lambda one: one.layer)

    @property
    def places(self) -> list[Place]:
        """The places that there are: m stands nowhere in some arrangements."""
        return [place for place in PLACES if self.at(place)]

    @property
    def table(self) -> pd.DataFrame:
        """Everything, a line for each place, layer and comparison."""
        return pd.DataFrame(
            [
                {
                    "place": row.place,
                    "layer": row.layer,
                    **c.model_dump(),
                    **{f"median {kind}": row.medians.get(kind) for kind in KINDS},
                }
                for row in self.rows
                for c in row.comparisons
            ]
        )

    @property
    def sentence(self) -> str:
        """At which depth solutions of one text are closest together, against its context."""
        return " ".join(map(self._said, self.places))

    def _said(self, place: Place) -> str:
        found = [
            (c.auc, c.p, row.layer)
            for row in self.at(place)
            for c in row.comparisons
            if (c.near, c.far) == ("same text", "same context")
        ]
        name = tr(PLACE_NAMES[place])
        name = name[:1].upper() + name[1:]
        if not found:
            return tr("{place} there is nothing to compare.", place=name)
        first, best = found[0], max(found)
        return tr(
            "{place}: same text against same context, AUC {first} {start}, most {at} ({best}, p = "
            "{p}, chosen as the best of {count}).",
            place=name,
            first=f"{first[0]:.2f}",
            start=_after(first[2]),
            at=_after(best[2]),
            best=f"{best[0]:.2f}",
            p=f"{best[1]:.4f}",
            count=len(found),
        )


def _after(layer: int) -> str:
    return tr("after layer {layer}", layer=layer) if layer else tr("at the input")


def steps(
    found: SolutionSet, states: Float[np.ndarray, "S 3 K d"]
) -> Generator[Progress, None, list[AtDepth]]:
    """Compare the kinds of pairs after every layer, at every place there is; say what comes next.

    Args:
        found: the set, with K exact solutions.
        states: of every solution after every layer, in the order of `PLACES`; NaN where no
            position holds what stands at one.

    Raises:
        BadInputError: if the set has too few or too many exact solutions, or a text twice.
    """
    which = pairs(found)
    rows: list[AtDepth] = []
    for layer, of_layer in enumerate(states):
        for place, vectors in zip(PLACES, of_layer, strict=True):
            if np.isnan(vectors).any():
                continue
            done = len(rows) / (len(states) * len(PLACES))
            said = tr(
                "Comparing pairs after layer {layer} of {layers}.",
                layer=layer,
                layers=len(states) - 1,
            )
            yield Progress(said, done)
            table = cosine_distances(vectors.astype(np.float64))
            distances = table[which.first, which.second]
            told = np.ptp(distances) > 1e-9  # one vector for all: nothing to tell apart
            compared = (
                compare(which, distances, resamples=RESAMPLES, permutations=PERMUTATIONS)
                if told
                else ()
            )
            rows.append(
                AtDepth(
                    place=place,
                    layer=layer,
                    medians=which.medians(distances),
                    comparisons=list(compared),
                )
            )
    return rows


def layouts(states: Float[np.ndarray, "S 3 K d"]) -> list[Layout]:
    """Lay the solutions out in two dimensions after every layer: PCA of their unit vectors.

    Each is turned or mirrored so that it lies nearest to the layer before (`following`).
    """
    made = []
    for k, place in enumerate(PLACES):
        if np.isnan(states[:, k]).any():
            continue
        before: NDArray[np.float64] | None = None
        for layer, vectors in enumerate(states[:, k].astype(np.float64)):
            unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            at, explained = np.zeros((len(unit), 2)), 0.0
            if len(np.unique(unit.round(9), axis=0)) > 2:
                found = principal(unit, 2)
                at, explained = following(found.project(unit), before), float(found.explained.sum())
                before = at
            places = [(round(x, 4), round(y, 4)) for x, y in at.tolist()]
            made.append(Layout(place=place, layer=layer, at=places, explained=explained))
    return made


def report(
    found: SolutionSet,
    rows: list[AtDepth],
    states: Float[np.ndarray, "S 3 K d"],
    **more: object,
) -> DepthReport:
    """Return what is kept of a set's rows and states."""
    which = pairs(found)
    contexts = len(np.unique(which.contexts))
    return DepthReport.model_validate(
        {
            "set": found.record.id,
            "model": found.record.spec.model,
            "layers": max(row.layer for row in rows),
            "solutions": len(found.solutions),
            "texts": len(np.unique(which.texts)),
            "contexts": contexts,
            "counts": which.counts,
            "rows": rows,
            "points": [
                Point(id=s.record.id, context=context, text=text, seed=s.record.seed)
                for s, context, text in zip(
                    found.solutions, which.contexts.tolist(), which.texts.tolist(), strict=True
                )
            ],
            "layouts": layouts(states),
            "notes": few_contexts(contexts),
        }
        | more
    )


REPORTS = SetReports("depth", DepthReport)
