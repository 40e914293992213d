"""Maps of solutions: coordinates of one or several sets, kept so that a picture comes back."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import Field

from explorer.assets import catalog
from explorer.base import folders
from explorer.base.errors import BadInputError
from explorer.base.files import csv_of, write_atomically
from explorer.base.language import tr
from explorer.base.provenance import Recorded
from explorer.geometry import depth, projection
from explorer.geometry.distances import Vector, between, chosen, stack
from explorer.geometry.projection import Purity
from explorer.geometry.set_reports import kept
from explorer.geometry.states import States
from explorer.solutions import sets as records
from explorer.solutions.recording import Recording
from explorer.solutions.sets import SolutionSet
from explorer.solutions.solution import Solution
from explorer.specs.jobs import MapSpec

VERSION = 1
AXES = ("x", "y", "z")
DIGITS = 3
"""Of coordinates after every layer, where they lie between -5 and 5 or so."""


class MapRecord(Recorded):
    """A map as it is kept."""

    version: int = VERSION
    key: str
    spec: MapSpec
    solutions: list[str] = Field(description="Ids, in the order of the coordinates.")
    coordinates: list[list[float]]
    explained: list[float] = Field(description="PCA: share of variance of each axis.")
    purity: list[Purity]
    layers: list[list[list[float]]] = Field(
        [],
        exclude_if=lambda value: not value,
        description="Of hidden states: coordinates after each layer, the input first. Then "
        "`coordinates`, `explained` and `purity` are those after the last.",
    )


@dataclass(frozen=True)
class SolutionMap:
    """A map with what is known about its points.

    Attributes:
        record: coordinates and settings.
        points: a row for each solution: id, x, y (z), set, regime, context, text, source,
            accuracy, restart, seed, title.
        sets: the sets, in the order of the spec.
    """

    record: MapRecord
    points: pd.DataFrame
    sets: list[SolutionSet]

    @property
    def solutions(self) -> dict[str, Solution]:
        """The solutions by id."""
        return {s.record.id: s for found in self.sets for s in found.solutions}

    def csv(self, ids: Collection[str]) -> bytes:
        """Return the rows of some points as CSV; x and y of hidden states are after `layer`."""
        last = {"layer": len(self.record.layers) - 1} if self.record.layers else {}
        points = self.points[self.points["id"].isin(ids)].assign(**last)
        return csv_of(points)


def gather(spec: MapSpec) -> list[SolutionSet]:
    """Read the sets of a map.

    Raises:
        BadInputError: if a set is unknown, or they differ in model, length or arrangement.
        CorruptFileError: if one cannot be read.
    """
    sets = [
        records.read(records.find(name), inexact=spec.inexact) for name in dict.fromkeys(spec.sets)
    ]
    require_comparable(sets)
    return sets


def require_comparable(sets: list[SolutionSet]) -> None:
    """Make sure that sets are of one model, arrangement and length.

    Raises:
        BadInputError: if they are not.
    """
    first = sets[0].record
    for other in (found.record for found in sets[1:]):
        if other.fingerprint != first.fingerprint:
            raise BadInputError(
                tr(
                    "These sets are of different models ({model} and {other}), whose "
                    "proto-tokens live in different spaces. Look at them one after the other.",
                    model=first.spec.model,
                    other=other.spec.model,
                )
            )
        one, two = (f"N = {r.spec.length}, {r.spec.arrangement}" for r in (first, other))
        if one != two:
            raise BadInputError(
                tr(
                    "These sets differ in length or arrangement ({one}; {other}). Choose sets that "
                    "agree in both, or look at them one after the other.",
                    one=one,
                    other=two,
                )
            )
    if not any(found.solutions for found in sets):
        raise BadInputError(
            tr("These sets have no exact solution. Let them go on, or show inexact attempts too.")
        )


def vectors(sets: list[SolutionSet], vector: Vector) -> Float[np.ndarray, "n d"]:
    """Return e, m or both of all solutions of all sets, as float64."""
    return stack([s for found in sets for s in found.solutions], vector)


def describe(sets: list[SolutionSet]) -> pd.DataFrame:
    """Return what is known about each solution; equal contexts and texts have equal labels.

    A text that was given without a context is a context of its own, whatever its title.
    """
    rows = []
    contexts: dict[str, int] = {}
    texts: dict[str, int] = {}
    for found in sets:
        given = enumerate(found.record.spec.texts)
        named = list(dict.fromkeys(text.context or k for k, text in given))  # as `gathered` does
        for member, solution in zip(found.members, found.solutions, strict=True):
            context = found.record.contexts[member.context]
            ids = json.dumps(solution.target_ids.tolist())
            alone = bool(named) and isinstance(named[member.context], int)
            own = ids if alone else context.text or context.title
            c = contexts.setdefault(own, len(contexts))
            t = texts.setdefault(ids, len(texts))
            rows.append(
                {
                    "id": solution.record.id,
                    "set": found.record.id[:6],
                    "regime": found.record.spec.regime,
                    "context": f"{c + 1} {context.title}",
                    "text": f"{t + 1} {solution.record.text}",
                    "source": context.source,
                    "accuracy": solution.record.accuracy,
                    "restart": member.restart,
                    "seed": solution.record.seed,
                    "title": solution.record.title,
                }
            )
    return pd.DataFrame(rows)


def make(spec: MapSpec, states: States | None = None) -> SolutionMap:
    """Lay solutions out, once or after every layer.

    Args:
        spec: what to lay out, and how.
        states: of solutions of these sets, if the spec is of hidden states; others are left out.

    Raises:
        BadInputError: if the sets do not fit together or are too small.
        CorruptFileError: if a set cannot be read.
    """
    sets = gather(spec)
    layers: list[list[list[float]]] = []
    if states is None:
        full = vectors(sets, spec.vector)
        coordinates, explained = _lay_out(spec, full, None)
    else:
        sets = [found.only(states.ids) for found in sets]
        directions = states.directions
        full, before, explained = directions[-1], None, []
        for of_layer in directions:
            at = np.zeros((len(of_layer), spec.dimensions))
            if len(np.unique(of_layer, axis=0)) > spec.dimensions + 1:  # else one vector for all
                laid, explained = _lay_out(spec, of_layer, before)
                at = before = projection.following(laid, before)
            layers.append(at.round(DIGITS).tolist())
        coordinates = np.array(layers[-1])
    known = describe(sets)
    distances = between(full, "cosine" if spec.metric == "cosine" else "l2")
    measured = [
        projection.purity(distances, label, known[label].to_numpy())
        for label in ("context", "text")
    ]
    record = MapRecord(
        key=key(spec, sets),
        spec=spec,
        solutions=known["id"].tolist(),
        coordinates=coordinates.tolist(),
        explained=explained,
        purity=[found for found in measured if found is not None],
        layers=layers,
    )
    return _placed(record, known, sets)


def _lay_out(
    spec: MapSpec, full: Float[np.ndarray, "n d"], start: Float[np.ndarray, "n k"] | None
) -> tuple[Float[np.ndarray, "n k"], list[float]]:
    """Return coordinates and, of PCA, the share of variance along each axis.

    Args:
        spec: how to lay out.
        full: what is laid out.
        start: where UMAP begins; None: as it usually does.
    """
    if spec.method == "pca":
        found = projection.principal(full, spec.dimensions)
        return found.project(full), found.explained.tolist()
    coordinates = projection.umap(
        full,
        spec.dimensions,
        neighbours=spec.neighbours,
        min_distance=spec.min_distance,
        metric=spec.metric,
        seed=spec.seed,
        start=start,
    )
    return coordinates, []


def _placed(record: MapRecord, known: pd.DataFrame, sets: list[SolutionSet]) -> SolutionMap:
    at = pd.DataFrame(record.coordinates, columns=list(AXES[: record.spec.dimensions]))
    return SolutionMap(record, pd.concat([known, at], axis=1), sets)


def key(spec: MapSpec, sets: list[SolutionSet]) -> str:
    """Return the name of a map: settings that matter and the solutions in it, as trained then."""
    settings = spec.model_dump(mode="json")
    if spec.method == "pca":  # PCA has no such settings; the metric is that of the purity
        settings |= dict.fromkeys(("neighbours", "min_distance", "seed"), 0)
    if spec.place is not None:
        settings["vector"] = None
    known = [s.record for found in sets for s in found.solutions]
    made = [(record.id, record.steps, record.seconds) for record in known]
    return hashlib.sha256(json.dumps([VERSION, settings, made]).encode()).hexdigest()[:16]


def save(made: SolutionMap) -> Path:
    """Keep a map's coordinates.

    Raises:
        StorageError: if the disk refuses.
    """
    file = folders.local() / "analyses" / f"map-{made.record.key}.json"
    return write_atomically(file, made.record.model_dump_json().encode())


def make_and_save(spec: MapSpec, states: Path | None = None) -> int:
    """Lay solutions out, keep the map, and return how many there are; one that is here is kept.

    Hidden states are in a file that `StatesTask` writes. Raises as `make` and `save`.
    """
    made = load(spec)
    if made is None:
        made = make(spec, None if states is None else States.load(states))
        save(made)
    if states is not None:
        states.unlink(missing_ok=True)
    return len(made.points)


def load(spec: MapSpec) -> SolutionMap | None:
    """Return a map that was made here or ships with the project, else None.

    Raises:
        BadInputError, CorruptFileError: as `gather`.
    """
    sets = gather(spec)
    for file in kept(f"map-{key(spec, sets)}.json"):
        if (record := MapRecord.kept(file)) is not None:
            return _placed(record, describe(sets), sets)
    return _of_depth(spec, sets)


def _of_depth(spec: MapSpec, sets: list[SolutionSet]) -> SolutionMap | None:
    """Return the flat PCA of one set's hidden states, which comes with its distances by layer."""
    asked = (spec.method, spec.dimensions, len(sets), spec.inexact)
    if spec.place is None or asked != ("pca", 2, 1, False):
        return None
    report, known = depth.REPORTS.load(sets[0].record), describe(sets)
    ids = known["id"].tolist()
    maps = [] if report is None else report.map_of(spec.place)
    if report is None or not maps or [point.id for point in report.points] != ids:
        return None
    layers = [[list(point) for point in one.at] for one in maps]
    record = MapRecord(
        key=key(spec, sets), spec=spec, solutions=ids, coordinates=layers[-1], layers=layers,
        explained=[], purity=[], versions=report.versions,
    )  # fmt: skip
    return _placed(record, known, sets)


def of_set(name: str) -> list[SolutionMap]:
    """Return every map that is kept of one set alone; one that the set has outgrown is left out.

    Raises:
        BadInputError, CorruptFileError: as `gather`.
    """
    found = filter(None, map(MapRecord.kept, kept("map-*.json")))
    specs = dict.fromkeys(record.spec for record in found if record.spec.sets == (name,))
    return [made for spec in specs if (made := load(spec)) is not None]


def trajectory(made: SolutionMap, recording: Recording) -> pd.DataFrame:
    """Return a recorded run's way through a PCA map: a row a frame, of its best restart then.

    Raises:
        BadInputError: if the map is not PCA's, or the run is of another model, by width or name.
    """
    spec = made.record.spec
    if spec.place is not None:
        raise BadInputError(
            tr("A run can be laid into a map of e and m only, not of hidden states.")
        )
    if spec.method != "pca":
        raise BadInputError(
            tr("A run can be laid into a PCA map only: UMAP has no axes to project on.")
        )
    frames, run = recording.frames, recording.header
    own = {s.record.model for s in made.solutions.values()}
    other = run.model not in own and not any(map(catalog.is_path, own | {run.model}))
    if other or run.d_model != made.sets[0].record.d_model:
        raise BadInputError(tr("This run is of another model than the map. Choose another run."))
    axes = projection.principal(vectors(made.sets, spec.vector), spec.dimensions)
    steps = chosen(frames["e"], frames["m"], spec.vector)
    at: dict[str, Any] = dict(zip(AXES, axes.project(steps).T, strict=False))
    best = frames["best"]
    accuracy = frames["accuracy"][np.arange(len(frames)), best]
    seeds = np.array(run.seeds)[best]
    return pd.DataFrame(at | {"step": frames["step"], "accuracy": accuracy, "seed": seeds})
